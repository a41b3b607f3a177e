import type { ServerResponse } from "node:http";
import { CallError } from "@antiphon/mesh";
import { Code, ConnectError } from "@connectrpc/connect";
import { dropRest } from "../body.ts";
import type { NodeRequest, NodeResponse } from "../front.ts";
import { toldOf } from "../told.ts";
import { EarlyEnd } from "./early-end.ts";

/** One request that passes through, with why it may end early: its deadline, its browser, the drain. */
export class Exchange {
  readonly request: NodeRequest;
  readonly response: ServerResponse;
  readonly signal = new EarlyEnd();
  readonly #timeoutMs: number | undefined;
  readonly #startedAtMs = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #drains: Set<Exchange> | undefined;

  /** @param drain aborts when the gateway goes away and will not wait for the exchange */
  constructor(
    request: NodeRequest,
    response: NodeResponse,
    timeoutMs: number | undefined,
    drain: AbortSignal | undefined,
  ) {
    this.request = request;
    // Nothing but what HTTP/1.1 and the compatibility API of HTTP/2 share is used of it.
    this.response = response as ServerResponse;
    this.#timeoutMs = timeoutMs;
    response.on("close", () => {
      if (!response.writableEnded) this.#end("the caller went away", Code.Aborted);
    });
    if (timeoutMs !== undefined) {
      const expire = () => this.#end("the time the caller gave is over", Code.DeadlineExceeded);
      if (timeoutMs > 0) this.#timer = setTimeout(expire, timeoutMs);
      else expire();
    }
    if (drain?.aborted) this.drain();
    else if (drain) this.#drains = drainsOf(drain).add(this);
  }

  /** What is left of the caller's timeout, in milliseconds. */
  timeoutMs(): number | undefined {
    const timeoutMs = this.#timeoutMs;
    return timeoutMs && Math.max(0, timeoutMs - (performance.now() - this.#startedAtMs));
  }

  /** What the caller is told of a failure. */
  toldOf(reason: unknown): ConnectError {
    if (this.signal.reason) return this.signal.reason;
    if (!(reason instanceof ConnectError)) {
      return new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
    }
    return reason instanceof CallError ? toldOf(reason) : reason;
  }

  drain(): void {
    this.#end("the gateway is going away", Code.Unavailable);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#drains?.delete(this);
  }

  #end(message: string, code: Code): void {
    if (!this.signal.aborted) this.signal.abort(new ConnectError(message, code));
  }
}

/** Who hears of a drain. A signal's own list of listeners is slow to leave when it is long. */
const drainsBySignal = new WeakMap<AbortSignal, Set<Exchange>>();

function drainsOf(signal: AbortSignal): Set<Exchange> {
  const known = drainsBySignal.get(signal);
  if (known) return known;
  const drains = new Set<Exchange>();
  drainsBySignal.set(signal, drains);
  signal.addEventListener("abort", () => {
    for (const exchange of drains) exchange.drain();
  });
  return drains;
}

/**
 * Reads a request's body into one buffer. Rejects `resource_exhausted` above `maxBytes`, or with why the
 * exchange is over.
 */
export function readBody({ request, signal }: Exchange, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stopReading = () => request.off("data", onData).off("end", onEnd);
    const fail = (error: unknown) => {
      stopReading();
      signal.removeEventListener("abort", onOver);
      reject(error);
    };
    const onOver = () => fail(signal.reason);
    const refuse = () => {
      stopReading();
      void dropRest(request).then(() => fail(tooLarge(maxBytes)));
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else refuse();
    };
    const onEnd = () => {
      signal.removeEventListener("abort", onOver);
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
    };
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", onOver);
    if (Number(request.headers["content-length"]) > maxBytes) return refuse();
    request.on("data", onData).on("end", onEnd).on("error", fail);
  });
}

export function tooLarge(maxBytes: number): ConnectError {
  return new ConnectError(`the message is larger than ${maxBytes} bytes`, Code.ResourceExhausted);
}
