import http from "node:http";
import type { AddressInfo } from "node:net";
import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { contract } from "./contract.ts";
import { usageOfThis } from "./usage.ts";

type UnaryCall = (request: Message, options: { signal: AbortSignal }) => Promise<Message>;

/** connect-node before the first instance that Consul knows: it decodes, calls the service, and encodes. */
const settings = JSON.parse(process.argv[2]!) as { ANTIPHON_CONSUL_URL: string; ANTIPHON_PORT: string };
const answer = await fetch(`${settings.ANTIPHON_CONSUL_URL}/v1/health/service/reviews?passing`);
const [{ Service }] = (await answer.json()) as [{ Service: { Address: string; Port: number } }];
const transport = createGrpcTransport({ baseUrl: `http://${Service.Address}:${Service.Port}` });
const reviews = createClient(contract, transport) as unknown as Record<string, UnaryCall>;
const server = http.createServer(
  connectNodeAdapter({
    routes: (router) => {
      for (const method of contract.methods) {
        if (method.methodKind !== "unary") continue;
        const unary = method as DescMethodUnary;
        router.rpc(unary, (request, { signal }) => reviews[method.localName]!(request, { signal }));
      }
    },
  }),
);
process.on("disconnect", () => process.exit());
process.on("SIGTERM", () => process.exit());
process.on("message", () => process.send?.(usageOfThis()));
server.listen(Number(settings.ANTIPHON_PORT), "127.0.0.1", () => {
  process.send?.((server.address() as AddressInfo).port);
});
