import type { Attempt, Outcome } from "../transport/connection.ts";
import type { ResponseSink } from "./call.ts";

/** Above this many bytes that nobody has read, the peer is told to wait. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * The messages of a streaming answer, pulled by its reader. While the reader stalls it holds at most 64 KiB
 * (or one message, if that is larger) and what HTTP/2's flow control had let through already.
 */
export class ResponseStream<T> implements ResponseSink, AsyncIterableIterator<T> {
  readonly #parse: (bytes: Uint8Array) => T;
  readonly #onReturn: () => void;
  readonly #started = Promise.withResolvers<Outcome["header"]>();
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #attempt: Attempt | undefined;
  #paused = false;
  #waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  /** `onReturn` is called when the reader leaves before the end. */
  constructor(parse: (bytes: Uint8Array) => T, onReturn: () => void) {
    this.#parse = parse;
    this.#onReturn = onReturn;
  }

  /** Resolves with the answer's header; rejects where the call fails before it. */
  get started(): Promise<Outcome["header"]> {
    return this.#started.promise;
  }

  header(header: Outcome["header"], attempt: Attempt): void {
    this.#attempt = attempt;
    this.#started.resolve(header);
  }

  message(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#waiting) this.#hand(this.#waiting);
    else if (!this.#paused && this.#queuedBytes >= HIGH_WATER_BYTES) {
      this.#paused = true;
      this.#attempt?.pause();
    }
  }

  /** The call is over; what is queued can still be read. */
  finish(outcome: Outcome, error: Error | undefined): void {
    this.#end = { error };
    if (error) this.#started.reject(error);
    else this.#started.resolve(outcome.header);
    if (this.#waiting) this.#hand(this.#waiting);
  }

  next(): Promise<IteratorResult<T>> {
    const waiting = Promise.withResolvers<IteratorResult<T>>();
    if (this.#queue.length > 0 || this.#end) this.#hand(waiting);
    else this.#waiting = waiting;
    return waiting.promise;
  }

  return(): Promise<IteratorResult<T>> {
    this.#queue = [];
    if (!this.#end) this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #hand(waiting: PromiseWithResolvers<IteratorResult<T>>): void {
    this.#waiting = undefined;
    const bytes = this.#queue.shift();
    if (bytes) {
      this.#queuedBytes -= bytes.length;
      this.#resumeIfDrained();
      try {
        waiting.resolve({ done: false, value: this.#parse(bytes) });
      } catch (error) {
        this.#queue = [];
        waiting.reject(error);
        if (!this.#end) this.#onReturn();
      }
    } else if (this.#end?.error) waiting.reject(this.#end.error);
    else waiting.resolve({ done: true, value: undefined });
  }

  #resumeIfDrained(): void {
    if (!this.#paused || this.#queuedBytes >= HIGH_WATER_BYTES / 2) return;
    this.#paused = false;
    this.#attempt?.resume();
  }
}
