import { CallError } from "@antiphon/mesh";
import type { ConnectError } from "@connectrpc/connect";
import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import { noteFailure } from "../failures.ts";
import { type Fields, passedFields, passFields } from "../metadata.ts";
import type { Dialect } from "./dialect.ts";
import { envelope, onlyMessage, PREFIX_BYTES } from "./envelope.ts";
import { type Exchange, readBody } from "./exchange.ts";
import { COMPRESS_FROM_BYTES, COMPRESSIONS, headerOf, type PassDeps, type Passing } from "./passing.ts";

/** What a service answered, one message or many. */
interface Answer {
  readonly header: Fields;
  readonly messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly trailer: () => Fields;
}

/**
 * A call of gRPC-Web, gRPC, or a stream of Connect: messages in envelopes. Whatever happens it ends with
 * what tells the caller how the call ended.
 */
export async function passEnveloped(
  passing: Passing,
  exchange: Exchange,
  contentType: string,
  dialect: Dialect,
  deps: PassDeps,
): Promise<void> {
  const { request, response } = exchange;
  const { toBrowser } = deps.metadata;
  const trailer = new Headers();
  const negotiated = compressionNegotiate(
    COMPRESSIONS,
    headerOf(request, dialect.encodingHeader),
    headerOf(request, dialect.acceptHeader),
    dialect.acceptHeader,
  );
  response.setHeader("content-type", contentType);
  if (negotiated.response) response.setHeader(dialect.encodingHeader, negotiated.response.name);
  let failure: ConnectError | undefined;
  let answered = false;
  try {
    await passing.admit();
    if (negotiated.error) throw negotiated.error;
    const body = await readBody(exchange, PREFIX_BYTES + deps.maxMessageBytes);
    const message = await onlyMessage(body, negotiated.request, deps.maxMessageBytes);
    const answer = await ask(passing, exchange, message, deps);
    answered = true;
    passFields(answer.header, toBrowser, (name, value) => response.appendHeader(name, value));
    for await (const one of answer.messages) await write(exchange, await sealed(one, negotiated.response));
    passFields(answer.trailer(), toBrowser, (name, value) => trailer.append(name, value));
  } catch (error) {
    failure = exchange.toldOf(error);
    noteFailure(response, failure.code);
    if (error instanceof CallError) {
      if (!answered) passing.passHeader(error.header);
      for (const [name, value] of error.trailer) if (toBrowser.has(name)) trailer.append(name, value);
    }
  } finally {
    exchange.close();
  }
  await end(exchange, dialect, trailer, failure, negotiated.response);
}

async function ask(
  { method, listenersName, transport }: Passing,
  exchange: Exchange,
  message: Uint8Array,
  { metadata, untimedMs }: PassDeps,
): Promise<Answer> {
  const call = {
    message,
    header: passedFields(exchange.request.headers, metadata.toService),
    timeoutMs: exchange.timeoutMs() ?? untimedMs,
    signal: exchange.signal,
  };
  if (method.methodKind === "server_streaming") {
    return listenersName(() => transport.streamBytes(method, call));
  }
  const answer = await listenersName(() => transport.unaryBytes(method, call));
  return { header: answer.header, messages: [answer.message], trailer: () => answer.trailer };
}

function sealed(message: Uint8Array, compression: Compression | null): Promise<Uint8Array> {
  return envelope(message, message.length < COMPRESS_FROM_BYTES ? null : compression);
}

/** Writes and, where the caller does not keep up, waits: nothing is buffered for it beyond that. */
async function write({ response, signal }: Exchange, bytes: Uint8Array): Promise<void> {
  if (response.write(bytes)) return;
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const goOn = () => {
        response.off("drain", goOn);
        signal.removeEventListener("abort", goOn);
        resolve();
      };
      response.on("drain", goOn);
      signal.addEventListener("abort", goOn);
    });
  }
  if (signal.aborted) throw signal.reason;
}

async function end(
  { response }: Exchange,
  dialect: Dialect,
  trailer: Headers,
  failure: ConnectError | undefined,
  compression: Compression | null,
): Promise<void> {
  if (response.destroyed) return;
  if (dialect.endFlags === undefined && !response.headersSent) response.writeHead(200);
  const last = dialect.end(trailer, failure, response);
  if (dialect.endFlags === undefined) response.end();
  else {
    const sealing = last.length < COMPRESS_FROM_BYTES ? null : compression;
    response.end(await envelope(last, sealing, dialect.endFlags));
  }
}
