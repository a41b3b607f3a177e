import type { IncomingHttpHeaders } from "node:http2";
import type { StatusCode } from "../resilience/verdict.ts";
import type { ErrorDetail } from "./status.ts";

/** How an attempt ended, told once. */
export interface Outcome {
  /** 0 is OK. */
  readonly code: StatusCode;
  /** What the peer said, or the connection in its place. */
  readonly text: string;
  readonly details: readonly ErrorDetail[];
  readonly header: IncomingHttpHeaders;
  readonly trailer: IncomingHttpHeaders;
  /** The answer of a unary attempt. */
  readonly message: Uint8Array | undefined;
  /** False where it is certain that no handler saw the call: it is safe to send again. */
  readonly reached: boolean;
  /** False where the fault is not the endpoint's, such as a message over the caller's own limit. */
  readonly blame: boolean;
}

/** Hears of an attempt: the header, any number of messages, and one end after which nothing comes. */
export interface AttemptObserver {
  header(header: IncomingHttpHeaders): void;
  message(bytes: Uint8Array): void;
  end(outcome: Outcome): void;
}

/** One sending of a call on one connection. */
export interface Attempt {
  /** Sends one framed message; false where the peer cannot keep up: wait for `drained`. */
  write(frame: Uint8Array): boolean;
  drained(): Promise<void>;
  /** No more messages will be sent. */
  finish(): void;
  /** Stops reading from the peer, which then may send one flow-control window more. */
  pause(): void;
  resume(): void;
  /** Tells the peer that nobody waits any more. The observer hears nothing after. */
  cancel(): void;
}

export interface AttemptRequest {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Names in lower case; the values of `-bin` names in base64. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  /** The only message, framed; undefined where messages are written one by one. */
  readonly body: Uint8Array | undefined;
  /** Ends the attempt with `resource_exhausted` when a message is larger. */
  readonly maxMessageBytes: number;
}

/** What a connection tells its owner. */
export interface ConnectionObserver {
  /** The peer speaks HTTP/2: attempts are welcome. Once. */
  ready(): void;
  /** The peer takes no new attempts (GOAWAY); those it has go on. At most once. */
  draining(reason: string): void;
  /** Gone for good. Once, whatever came before. */
  closed(reason: string): void;
}

/**
 * One connection to one endpoint: it carries attempts and tells how they end. It knows nothing of
 * retries, balancing or other connections, so that another HTTP/2 can take its place.
 */
export interface Connection {
  /** Starts to connect; what comes of it is told to the observer. */
  open(): void;
  /** Only while ready. Throws nothing: whatever goes wrong is told to the observer. */
  attempt(request: AttemptRequest, observer: AttemptObserver): Attempt;
  /** Resolves with the round trip in milliseconds; rejects where no answer comes. */
  ping(): Promise<number>;
  /** Takes no new attempts, lets those in flight end, then closes. */
  goaway(): void;
  /** Closes at once; attempts in flight end with `unavailable`. */
  close(reason: string): void;
}

export type Connect = (endpoint: { host: string; port: number }, observer: ConnectionObserver) => Connection;
