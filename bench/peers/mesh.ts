import {
  createMeshTransport,
  identitySigner,
  newIdentityKeys,
  readPrivateKey,
  runInScope,
} from "@antiphon/mesh";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { serveRounds } from "../src/rounds.ts";
import { request } from "./request.ts";

/** The mesh client as a handler of a service uses it: inside a call, with deadline, listener and trace. */
const target = `static:///${process.argv.slice(2).map((port) => `127.0.0.1:${port}`)}`;
const signer = identitySigner(readPrivateKey(newIdentityKeys().privateKey), Date.now);
const client = createClient(EchoService, createMeshTransport({ target, signer }));
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const listener = { id: "lst_0123456789abcdefghij", operator: false };

serveRounds(() => {
  const scope = { listener, traceparent, deadlineAtMs: performance.now() + 2_000 };
  return runInScope(scope, () => client.echo(request));
});
