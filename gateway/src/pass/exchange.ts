import type { ServerResponse } from "node:http";
import { CallError } from "@antiphon/mesh";
import { Code, ConnectError } from "@connectrpc/connect";
import { dropRest } from "../body.ts";
import type { NodeRequest, NodeResponse } from "../front.ts";
import { toldOf } from "../told.ts";

/** One request that passes through, with why it may end early: its deadline, its browser, the drain. */
export interface Exchange {
  readonly request: NodeRequest;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
  /** Hears at most once, before `signal` does and at a fraction of its cost, why it ends early. */
  onOver: ((reason: ConnectError) => void) | undefined;
  /** What is left of the caller's timeout, in milliseconds. */
  timeoutMs(): number | undefined;
  /** What the caller is told of a failure. */
  toldOf(reason: unknown): ConnectError;
  close(): void;
}

/** `drain` aborts when the gateway goes away and will not wait for the exchange. */
export function openExchange(
  request: NodeRequest,
  response: NodeResponse,
  timeoutMs: number | undefined,
  drain: AbortSignal | undefined,
): Exchange {
  const startedAtMs = performance.now();
  const over = new AbortController();
  const end = (message: string, code: Code) => {
    if (over.signal.aborted) return;
    const reason = new ConnectError(message, code);
    exchange.onOver?.(reason);
    over.abort(reason);
  };
  const onDrain = () => end("the gateway is going away", Code.Unavailable);
  const onClose = () => end("the caller went away", Code.Aborted);
  const expire = () => end("the time the caller gave is over", Code.DeadlineExceeded);
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  const drains = drain && drainsOf(drain);
  const exchange: Exchange = {
    request,
    // Nothing but what HTTP/1.1 and the compatibility API of HTTP/2 share is used of it.
    response: response as ServerResponse,
    signal: over.signal,
    onOver: undefined,
    timeoutMs: () => timeoutMs && Math.max(0, timeoutMs - (performance.now() - startedAtMs)),
    toldOf(reason) {
      if (over.signal.aborted) return over.signal.reason as ConnectError;
      if (!(reason instanceof ConnectError)) {
        return new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
      }
      return reason instanceof CallError ? toldOf(reason) : reason;
    },
    close() {
      clearTimeout(timer);
      drains?.delete(onDrain);
      response.off("close", onClose);
    },
  };
  drains?.add(onDrain);
  response.on("close", onClose);
  if (drain?.aborted) onDrain();
  if (timeoutMs !== undefined && timeoutMs <= 0) expire();
  return exchange;
}

/** Who hears of a drain. A signal's own list of listeners is slow to leave when it is long. */
const drainsBySignal = new WeakMap<AbortSignal, Set<() => void>>();

function drainsOf(signal: AbortSignal): Set<() => void> {
  const known = drainsBySignal.get(signal);
  if (known) return known;
  const drains = new Set<() => void>();
  drainsBySignal.set(signal, drains);
  signal.addEventListener("abort", () => {
    for (const drain of drains) drain();
  });
  return drains;
}

/**
 * Reads a request's body into one buffer. Rejects `resource_exhausted` above `maxBytes`, or with why the
 * exchange is over.
 */
export function readBody(exchange: Exchange, maxBytes: number): Promise<Uint8Array> {
  const { request, signal } = exchange;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (error?: unknown) => {
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("error", settle);
      exchange.onOver = undefined;
      if (error !== undefined) reject(error);
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
    };
    const refuse = () => void dropRest(request).then(() => settle(tooLarge(maxBytes)));
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else {
        request.off("data", onData).off("end", onEnd);
        refuse();
      }
    };
    const onEnd = () => settle();
    if (signal.aborted) return settle(signal.reason);
    exchange.onOver = settle;
    if (Number(request.headers["content-length"]) > maxBytes) return refuse();
    request.on("data", onData).on("end", onEnd).on("error", settle);
  });
}

export function tooLarge(maxBytes: number): ConnectError {
  return new ConnectError(`the message is larger than ${maxBytes} bytes`, Code.ResourceExhausted);
}
