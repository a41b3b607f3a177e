import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { expect } from "vitest";
import { CallError } from "../errors.ts";
import { type EchoHandlers, grpcPeer, type Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport, type MeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";

/** The peers and transports of one test file; `release` after each test. */
export function echoBench() {
  const peers: Peer[] = [];
  const transports: MeshTransport[] = [];
  const transport = (target: string, options: Partial<MeshTransportOptions> = {}) => {
    const made = createMeshTransport({ target, ...options });
    transports.push(made);
    return made;
  };
  return {
    async peer(handlers: EchoHandlers) {
      const peer = await grpcPeer(handlers);
      peers.push(peer);
      return peer;
    },
    transport,
    client: (target: string, options?: Partial<MeshTransportOptions>) =>
      createClient(EchoService, transport(target, options)),
    async release() {
      for (const transport of transports.splice(0)) transport.close();
      await Promise.all(peers.splice(0).map((peer) => peer.kill()));
    },
  };
}

/** The `CallError` of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(CallError);
  return error as CallError;
}
