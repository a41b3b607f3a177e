import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { ConductorService } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { ServerReflection } from "@antiphon/proto/grpc/reflection/v1/reflection";
import { createFileRegistry, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { echoService, startMesh, until } from "../../testing/index.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import type { RunningService } from "../lifecycle.ts";
import { type Served, serve } from "../server/served.ts";
import { contractDigest } from "./contract-digest.ts";
import { followContracts } from "./follow-contracts.ts";
import { type ReflectedContracts, reflect } from "./reflect.ts";
import { spokesman } from "./spokesman.ts";

const unimplemented = <S extends DescService>(service: S): Served => serve(service, {} as ServiceImpl<S>);

/** Running instances of `reviews`, one with one contract and one with two, of which discovery knows what the test says. */
async function twoContracts() {
  const mesh = await startMesh();
  onTestFinished(() => mesh.stop());
  const start = async (...served: Served[]) => (await mesh.add({ name: "reviews", served }))[0]!;
  const small = await start(serve(EchoService, echoService()));
  const large = await start(serve(EchoService, echoService()), unimplemented(CatalogService));
  const discovery = staticDiscovery();
  const told: [service: string, services: readonly string[] | undefined][] = [];
  const watch = followContracts(
    { discovery, log: pino({ level: "silent" }), keepMs: 50 },
    (service, contracts) => told.push([service, contracts?.services]),
  );
  onTestFinished(() => watch.close());
  return { small, large, discovery, told, watch };
}

const endpointOf = ({ registration }: RunningService, version = "1"): EndpointInfo => ({
  ...registration,
  version,
  weight: 1,
});

test("a service is told when it appears, when its contracts change and when it has gone for long", async () => {
  const { small, large, discovery, told } = await twoContracts();
  discovery.update({ reviews: [endpointOf(small)] });
  await until(() => told.length === 1);
  discovery.update({ reviews: [endpointOf(large)] });
  await until(() => told.length === 2);
  discovery.update({ reviews: [] });
  await until(() => told.length === 3);
  expect(told).toEqual([
    ["reviews", [EchoService.typeName]],
    ["reviews", [EchoService.typeName, CatalogService.typeName]],
    ["reviews", undefined],
  ]);
});

test("it has caught up when all who were there have told, and stays so when somebody comes later", async () => {
  const { small, discovery, told, watch } = await twoContracts();
  discovery.update({ reviews: [endpointOf(small)] });
  expect(watch.isCaughtUp).toBe(false);
  await until(() => watch.isCaughtUp);
  expect(told).toEqual([["reviews", [EchoService.typeName]]]);
  discovery.update({ reviews: [endpointOf(small)], late: [{ ...endpointOf(small), port: 1 }] });
  expect(watch.isCaughtUp).toBe(true);
});

test("another instance with the same contracts is not asked", async () => {
  const { small, discovery, told } = await twoContracts();
  const dead: EndpointInfo = { ...endpointOf(small), id: "dead", port: 1 };
  discovery.update({ reviews: [endpointOf(small)] });
  await until(() => told.length === 1);
  discovery.update({ reviews: [dead] });
  discovery.update({ reviews: [dead, endpointOf(small)] });
  expect(told).toHaveLength(1);
});

test("an instance that does not answer is asked again, as long as it speaks for its service", async () => {
  const { small, large, discovery, told } = await twoContracts();
  discovery.update({ reviews: [{ ...endpointOf(small), port: 1 }] });
  discovery.update({ reviews: [endpointOf(large)] });
  await until(() => told.length === 1);
  expect(told[0]?.[1]).toContain(CatalogService.typeName);
});

test("the newest version speaks for its service, by number; what has been taken stays while it can", () => {
  const endpoint = (version: string, contract: string | undefined): EndpointInfo => ({
    id: `${version}-${contract}`,
    host: "127.0.0.1",
    port: 1,
    zone: "",
    weight: 1,
    version,
    contract,
  });
  const [old, first, second] = [endpoint("0.9.0", "a"), endpoint("0.10.0", "b"), endpoint("0.10.0", "c")];
  expect(spokesman([old, first], "a")).toBe(first);
  expect(spokesman([second, first], "b")).toBe(first);
  expect(spokesman([second, old], "b")).toBe(second);
  expect(spokesman([endpoint("1.0.0", undefined)], undefined)).toBeUndefined();
});

test("a digest changes with what is served, and not with the order", () => {
  const digest = contractDigest([EchoService, CatalogService]);
  expect(digest).toMatch(/^[\w-]{22}$/);
  expect(contractDigest([CatalogService, EchoService])).toBe(digest);
  expect(contractDigest([EchoService])).not.toBe(digest);
  // In the same file, with the same imports.
  expect(contractDigest([ConductorService])).not.toBe(contractDigest([]));
});

/** A server whose reflection sends one file at a time, as the specification allows. */
function sparing(service: DescService, without?: string): Promise<ReflectedContracts> {
  const files = new Map([service.file, ...service.file.dependencies].map((file) => [file.proto.name, file]));
  const deeper = [...files.values()].flatMap(({ dependencies }) => dependencies);
  for (const file of deeper) files.set(file.proto.name, file);
  const transport = createRouterTransport(({ service: add }) =>
    add(ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const { messageRequest: asked } of requests) {
          if (asked.case === "listServices") {
            const value = { service: [{ name: service.typeName }] };
            yield { messageResponse: { case: "listServicesResponse", value } };
          } else {
            const name = asked.case === "fileByFilename" ? asked.value : service.file.proto.name;
            const found = name === without ? service.file : files.get(name)!;
            const value = { fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, found.proto)] };
            yield { messageResponse: { case: "fileDescriptorResponse", value } };
          }
        }
      },
    }),
  );
  return reflect(transport, new AbortController().signal);
}

test("imports that a server does not send along are asked for", async () => {
  const { services, files } = await sparing(CatalogService);
  expect(services).toEqual([CatalogService.typeName]);
  expect(createFileRegistry(files).getService(CatalogService.typeName)?.methods).toHaveLength(
    CatalogService.methods.length,
  );
});

test("a server that does not send what it imports is not believed", async () => {
  const answer = sparing(CatalogService, "antiphon/options/v1/options.proto");
  await expect(answer).rejects.toThrow("antiphon/options/v1/options.proto");
});
