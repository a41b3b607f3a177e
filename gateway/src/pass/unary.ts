import { CallError } from "@antiphon/mesh";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { compressionNegotiate } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { noteFailure } from "../failures.ts";
import { passedFields, passFields } from "../metadata.ts";
import { answer } from "./answer.ts";
import { type Exchange, readBody } from "./exchange.ts";
import { COMPRESS_FROM_BYTES, COMPRESSIONS, headerOf, type PassDeps, type Passing } from "./passing.ts";

/** A unary call of Connect: the body is the message. */
export async function passUnary(
  passing: Passing,
  method: DescMethodUnary,
  exchange: Exchange,
  deps: PassDeps,
): Promise<void> {
  const { request, response, signal } = exchange;
  const { toService, toBrowser } = deps.metadata;
  const negotiated = compressionNegotiate(
    COMPRESSIONS,
    headerOf(request, "content-encoding"),
    headerOf(request, "accept-encoding"),
    "accept-encoding",
  );
  const fields: (string | number)[] = [];
  let status = 200;
  let type = "application/proto";
  let body: Uint8Array;
  try {
    await passing.admit();
    if (negotiated.error) throw negotiated.error;
    let message = await readBody(exchange, deps.maxMessageBytes);
    if (negotiated.request) {
      message = await negotiated.request.decompress(message as Uint8Array<ArrayBuffer>, deps.maxMessageBytes);
    }
    const header = passedFields(request.headers, toService);
    const timeoutMs = exchange.timeoutMs() ?? deps.untimedMs;
    const answered = await passing.listenersName(() =>
      passing.transport.unaryBytes(method, { message, header, timeoutMs, signal }),
    );
    passFields(answered.header, toBrowser, (name, value) => fields.push(name, value));
    passFields(answered.trailer, toBrowser, (name, value) => fields.push(`trailer-${name}`, value));
    body = answered.message;
  } catch (error) {
    const told: ConnectError = exchange.toldOf(error);
    noteFailure(response, told.code);
    if (error instanceof CallError) {
      passing.passHeader(error.header);
      for (const [name, value] of error.trailer) {
        if (toBrowser.has(name)) response.appendHeader(`trailer-${name}`, value);
      }
    }
    for (const [name, value] of told.metadata) response.setHeader(name, value);
    status = codeToHttpStatus(told.code);
    type = "application/json";
    body = errorToJsonBytes(told, { registry: deps.contracts });
  } finally {
    exchange.close();
  }
  if (response.destroyed) return;
  if (negotiated.response && body.length >= COMPRESS_FROM_BYTES) {
    body = await negotiated.response.compress(body as Uint8Array<ArrayBuffer>);
    fields.push("content-encoding", negotiated.response.name);
  }
  fields.push("content-type", type);
  answer(response, status, fields, body);
}
