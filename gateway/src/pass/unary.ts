import { CallError } from "@antiphon/mesh";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { compressionNegotiate } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { noteFailure } from "../failures.ts";
import { type Fields, passedFields, passFields } from "../metadata.ts";
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
  const trailers = (fields: Fields) => {
    passFields(fields, toBrowser, (name, value) => response.appendHeader(`trailer-${name}`, value));
  };
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
    const answer = await passing.listenersName(() =>
      passing.transport.unaryBytes(method, { message, header, timeoutMs, signal }),
    );
    passFields(answer.header, toBrowser, (name, value) => response.appendHeader(name, value));
    trailers(answer.trailer);
    body = answer.message;
  } catch (error) {
    const told: ConnectError = exchange.toldOf(error);
    noteFailure(response, told.code);
    if (error instanceof CallError) {
      passing.passHeader(error.header);
      trailers(Object.fromEntries(error.trailer));
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
    response.setHeader("content-encoding", negotiated.response.name);
  }
  response.statusCode = status;
  response.setHeader("content-type", type);
  response.setHeader("content-length", body.length);
  response.end(body);
}
