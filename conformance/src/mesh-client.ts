import { create } from "@bufbuild/protobuf";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
} from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { ClientCall, closeTransports } from "./client-call.ts";
import { readMessages, writeMessage } from "./sized-messages.ts";

/** All at once, they would wait for each other, which the suite's deadlines do not expect. */
const AT_A_TIME = 16;

/** The mesh's client as a client under test of the official suite: makes the calls it is told to make. */
const calls = new Set<Promise<void>>();
for await (const request of readMessages(ClientCompatRequestSchema)) {
  const call: Promise<void> = run(request).finally(() => calls.delete(call));
  calls.add(call);
  if (calls.size >= AT_A_TIME) await Promise.race(calls);
}
await Promise.all(calls);
closeTransports();

async function run(request: ClientCompatRequest): Promise<void> {
  const call = new ClientCall(request);
  try {
    await call.make();
  } catch (error) {
    call.failed(error);
  } finally {
    call.end();
  }
  const answer = { testName: request.testName, result: { case: "response" as const, value: call.result() } };
  writeMessage(ClientCompatResponseSchema, create(ClientCompatResponseSchema, answer));
}
