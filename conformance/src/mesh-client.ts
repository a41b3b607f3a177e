import { create } from "@bufbuild/protobuf";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
} from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { ClientCall, closeTransports } from "./client-call.ts";
import { readMessages, writeMessage } from "./sized-messages.ts";

/** The mesh's client as a client under test of the official suite: makes the calls it is told to make. */
const calls: Promise<void>[] = [];
for await (const request of readMessages(ClientCompatRequestSchema)) calls.push(run(request));
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
