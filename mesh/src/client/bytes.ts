import type { IncomingHttpHeaders } from "node:http2";
import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { frame } from "../transport/frames.ts";
import { abort, type CallSignal, newCall, type Send, verdictOfMesh } from "./call.ts";
import type { MethodPlan } from "./method-plan.ts";
import { errorOf, onlyMessage } from "./response.ts";
import { ResponseStream } from "./response-stream.ts";

/** A call whose message is there as bytes already. */
export interface BytesCall {
  readonly message: Uint8Array;
  /** Names in lower case, the values of `-bin` names in base64. The call takes it over. */
  readonly header: Record<string, string>;
  /** Default: what the contract says. */
  readonly timeoutMs: number | undefined;
  readonly signal: CallSignal | undefined;
}

export interface BytesAnswer {
  readonly message: Uint8Array;
  readonly header: IncomingHttpHeaders;
  readonly trailer: IncomingHttpHeaders;
}

export interface BytesStream {
  readonly header: IncomingHttpHeaders;
  readonly messages: AsyncIterableIterator<Uint8Array>;
  /** Complete when the messages have been read. */
  readonly trailer: () => IncomingHttpHeaders;
}

/**
 * The way of a gateway that hands messages on as they came: through all layers of the mesh, without
 * decoding. Rejects with `CallError`, as calls with messages do.
 */
export interface BytesTransport {
  unaryBytes(method: DescMethodUnary, call: BytesCall): Promise<BytesAnswer>;
  /** Resolves with the answer's header. */
  streamBytes(method: DescMethodServerStreaming, call: BytesCall): Promise<BytesStream>;
}

/** A method with its layers. */
export interface Compiled {
  readonly plan: MethodPlan;
  readonly send: Send;
}

export function unaryBytes({ plan, send }: Compiled, bytes: BytesCall): Promise<BytesAnswer> {
  return new Promise((resolve, reject) => {
    const call = newCall(plan, frame(bytes.message), undefined, bytes.signal, bytes.timeoutMs, bytes.header);
    send(call, (outcome) => {
      try {
        const message = onlyMessage(call, outcome);
        resolve({ message, header: outcome.header, trailer: outcome.trailer });
      } catch (error) {
        reject(error);
      }
    });
  });
}

export async function streamBytes({ plan, send }: Compiled, bytes: BytesCall): Promise<BytesStream> {
  const messages = new ResponseStream(
    (message) => message,
    () => abort(call, verdictOfMesh(Code.Canceled, "the reader left", { reached: true })),
  );
  const call = newCall(plan, frame(bytes.message), messages, bytes.signal, bytes.timeoutMs, bytes.header);
  let trailer: IncomingHttpHeaders = {};
  send(call, (outcome) => {
    trailer = outcome.trailer;
    messages.finish(outcome, outcome.code === 0 ? undefined : errorOf(call, outcome));
  });
  return { header: await messages.started, messages, trailer: () => trailer };
}
