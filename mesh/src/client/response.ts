import type { IncomingHttpHeaders } from "node:http2";
import { MeshErrorDetailSchema } from "@antiphon/proto/antiphon/mesh/v1/errors";
import {
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import { CallError } from "../errors.ts";
import { type Call, type CallOutcome, verdictOfMesh } from "./call.ts";

/** A unary answer; its `Headers` are made when somebody reads them, which is almost never. */
export class MeshUnaryResponse<I extends DescMessage, O extends DescMessage> implements UnaryResponse<I, O> {
  readonly stream = false;
  readonly method: DescMethodUnary<I, O>;
  readonly message: MessageShape<O>;
  readonly #outcome: CallOutcome;
  #header: Headers | undefined;
  #trailer: Headers | undefined;

  constructor(method: DescMethodUnary<I, O>, message: MessageShape<O>, outcome: CallOutcome) {
    this.method = method;
    this.message = message;
    this.#outcome = outcome;
  }

  get service() {
    return this.method.parent;
  }

  get header(): Headers {
    this.#header ??= headersOf(this.#outcome.header);
    return this.#header;
  }

  get trailer(): Headers {
    this.#trailer ??= headersOf(this.#outcome.trailer);
    return this.#trailer;
  }
}

/** A streaming answer whose header has come; its trailer is complete when its messages have been read. */
export class MeshStreamResponse<I extends DescMessage, O extends DescMessage>
  implements StreamResponse<I, O>
{
  readonly stream = true;
  readonly method: DescMethodStreaming<I, O>;
  readonly message: AsyncIterable<MessageShape<O>>;
  readonly header: Headers;
  readonly trailer: Headers;

  constructor(
    method: DescMethodStreaming<I, O>,
    message: AsyncIterable<MessageShape<O>>,
    header: Headers,
    trailer: Headers,
  ) {
    this.method = method;
    this.message = message;
    this.header = header;
    this.trailer = trailer;
  }

  get service() {
    return this.method.parent;
  }
}

/** The message of a unary answer. Throws what the call failed with, `unimplemented` where there is not exactly one. */
export function onlyMessage(call: Call, outcome: CallOutcome): Uint8Array {
  if (outcome.code !== 0) throw errorOf(call, outcome);
  if (call.messagesReceived === 1 && outcome.message) return outcome.message;
  const text = `expected one answer, the peer sent ${call.messagesReceived}`;
  throw errorOf(call, verdictOfMesh(Code.Unimplemented, text));
}

/** Reads a message of the peer. Throws `internal` where it is not what the contract says. */
export function parseMessage<O extends DescMessage>(
  schema: O,
  bytes: Uint8Array,
  call: Call,
): MessageShape<O> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new CallError({
      code: Code.Internal,
      message: `the answer is not a ${schema.typeName}: ${(cause as Error).message}`,
      ...whereabouts(call),
      cause,
    });
  }
}

/** What a failed call rejects with. */
export function errorOf(call: Call, outcome: CallOutcome): CallError {
  const error = new CallError({
    code: outcome.code || Code.Internal,
    message: outcome.text,
    ...whereabouts(call),
    header: headersOf(outcome.header),
    trailer: headersOf(outcome.trailer),
  });
  error.details = [...outcome.details];
  if (outcome.meshReason !== undefined) {
    const value = { reason: outcome.meshReason, subject: call.plan.path.slice(1) };
    error.details.push({ desc: MeshErrorDetailSchema, value });
  }
  return error;
}

/** Node's headers as fetch's. The values of `-bin` names stay in base64, as Connect expects them. */
export function headersOf(fields: IncomingHttpHeaders): Headers {
  return copyInto(new Headers(), fields);
}

/** Adds a peer's fields to `headers`, without HTTP/2's own and those of the protocol. */
export function copyInto(headers: Headers, fields: IncomingHttpHeaders): Headers {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (name.startsWith(":") || PROTOCOL_FIELDS.has(name) || value === undefined) continue;
    if (typeof value === "string") headers.append(name, value);
    else for (const one of value) headers.append(name, one);
  }
  return headers;
}

const PROTOCOL_FIELDS = new Set(["grpc-status", "grpc-message", "grpc-status-details-bin"]);

function whereabouts(call: Call) {
  const info = call.endpoint?.info;
  return {
    method: call.plan.path.slice(1),
    peer: info ? `${info.host}:${info.port}` : "",
    attempt: call.attempts,
  };
}
