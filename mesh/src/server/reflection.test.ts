import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { Access, method as methodOption } from "@antiphon/proto/antiphon/options/v1/options";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "@antiphon/proto/grpc/reflection/v1/reflection";
import { create, createFileRegistry, fromBinary, getOption, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { reflectionService } from "./reflection.ts";
import { hostOf } from "./test-host.fixture.ts";

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

async function ask(messageRequest: Question): Promise<ServerReflectionResponse["messageResponse"]> {
  const { client } = await hostOf(reflectionService([CatalogService]));
  const stream = client.open(ServerReflection.method.serverReflectionInfo);
  stream.end({ messageRequest });
  for await (const { messageResponse } of stream) return messageResponse;
  throw new Error("no answer");
}

async function filesFor(symbol: string) {
  const answer = await ask({ case: "fileContainingSymbol", value: symbol });
  if (answer.case !== "fileDescriptorResponse") throw new Error(`unexpected ${answer.case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

test("the services served are listed", async () => {
  expect(await ask({ case: "listServices", value: "" })).toMatchObject({
    value: { service: [{ name: CatalogService.typeName }] },
  });
});

test("a contract comes with everything it imports, custom options and idempotency included", async () => {
  const registry = createFileRegistry(
    create(FileDescriptorSetSchema, { file: await filesFor(CatalogService.typeName) }),
  );
  const method = registry
    .getService(CatalogService.typeName)
    ?.methods.find(({ name }) => name === "GetTrack");
  expect(method && getOption(method, methodOption)).toMatchObject({
    access: Access.PUBLIC,
    timeout: { seconds: 2n },
  });
  expect(method?.idempotency).toBe(CatalogService.method.getTrack.idempotency);
});

test.for(["antiphon.catalog.v1.GetTrackRequest", "antiphon.catalog.v1.CatalogService.GetTrack"])(
  "%s is found in its file",
  async (symbol) => {
    expect((await filesFor(symbol)).at(-1)?.name).toBe("antiphon/catalog/v1/catalog.proto");
  },
);

test("extensions are found by the type they extend", async () => {
  const containingType = "google.protobuf.MethodOptions";
  expect(await ask({ case: "allExtensionNumbersOfType", value: containingType })).toMatchObject({
    value: { extensionNumber: [50501] },
  });
  const answer = await ask({
    case: "fileContainingExtension",
    value: { containingType, extensionNumber: 50501 },
  });
  expect(answer.case).toBe("fileDescriptorResponse");
});

test("what is not known here is said to be so", async () => {
  expect(await ask({ case: "fileByFilename", value: "nope.proto" })).toMatchObject({
    case: "errorResponse",
    value: { errorCode: 5, errorMessage: "nope.proto is not known here" },
  });
});
