import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { Metadata, type ServerUnaryCall, type StatusObject } from "@grpc/grpc-js";
import {
  type CallScope,
  LISTENER_HEADER,
  type ListenerIdentity,
  type ListenerProof,
  PROOF_HEADER,
  ROLE_HEADER,
} from "../call-scope.ts";
import type { Clock } from "../clock.ts";
import { continueTrace } from "../telemetry/traceparent.ts";
import { copyHeaders, toConnectError, toStatus } from "./status.ts";

/** What grpc-js's four kinds of calls have in common. */
export interface Surface
  extends Pick<
    ServerUnaryCall<unknown, unknown>,
    "metadata" | "getPeer" | "getDeadline" | "getPath" | "getHost" | "sendMetadata"
  > {
  on(event: "cancelled", listener: () => void): unknown;
}

/** Hears how a call ended: its code, and the error where it is the server's own fault. */
export type OnSettled = (call: ServerCall, code: Code | 0, error?: ConnectError) => void;

/** The caller's own timer began earlier: at the deadline its reset comes before the server's timer is due. */
const DEADLINE_SLACK_MS = 50;

/**
 * One call on the server, from its headers to its status: what handlers see of it as Connect's
 * HandlerContext, and what calls that they make inherit from it as its scope. It settles once, be it by
 * an answer, an error, the caller going away or the deadline; what comes later is dropped.
 * Headers, trailers and the signal are made when somebody asks for them: most handlers never do.
 */
export class ServerCall implements HandlerContext, CallScope {
  readonly method: DescMethod;
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly startedAtMs: number;
  readonly deadlineAtMs: number | undefined;
  /** As the caller claims; `admit` looks at the proof before a handler sees it. */
  readonly listener: ListenerIdentity | undefined;
  /** Set when it has been verified. */
  proof: ListenerProof | undefined;
  readonly traceparent: string;
  /** Set by the guard that let it in, where the call counts against its limit. */
  enteredAtMs: number | undefined;
  /** When its handler began. */
  begunAtMs: number | undefined;

  readonly #surface: Surface;
  readonly #clock: Clock;
  readonly #reply: (status: StatusObject) => void;
  readonly #onSettled: OnSettled;
  readonly #loadTrailers: () => Metadata;
  #settled = false;
  #refused = false;
  #abort: AbortController | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;

  constructor(
    method: DescMethod,
    surface: Surface,
    clock: Clock,
    reply: (status: StatusObject) => void,
    onSettled: OnSettled,
    loadTrailers: () => Metadata,
  ) {
    this.method = method;
    this.#surface = surface;
    this.#clock = clock;
    this.#reply = reply;
    this.#onSettled = onSettled;
    this.#loadTrailers = loadTrailers;
    this.startedAtMs = clock.monotonic();
    // grpc-js gives an instant of the wall clock, or Infinity.
    const remainingMs = Number(surface.getDeadline()) - Date.now();
    this.deadlineAtMs = Number.isFinite(remainingMs) ? this.startedAtMs + remainingMs : undefined;
    const listener = this.#header(LISTENER_HEADER);
    this.listener = listener
      ? { id: listener, operator: this.#header(ROLE_HEADER) === "operator" }
      : undefined;
    this.traceparent = continueTrace(this.#header("traceparent"));
    surface.on("cancelled", () => this.#cancelled());
  }

  /** What the caller shows for its listener. */
  get proofToken(): string | undefined {
    return this.#header(PROOF_HEADER);
  }
  get service(): DescService {
    return this.method.parent;
  }
  get url(): string {
    return `http://${this.#surface.getHost()}${this.#surface.getPath()}`;
  }
  get peer(): string {
    return this.#surface.getPeer();
  }
  /** The answer is given, or nobody waits for it. */
  get settled(): boolean {
    return this.#settled;
  }
  /** No handler has seen it: the server had too much to do. */
  get refused(): boolean {
    return this.#refused;
  }
  /** Aborts when the caller went away, its deadline passed, or the call is over. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#settled) this.#abort.abort();
    return this.#abort.signal;
  }
  get requestHeader(): Headers {
    this.#requestHeader ??= toHeaders(this.#surface.metadata);
    return this.#requestHeader;
  }
  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }
  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }
  get values(): ContextValues {
    this.#values ??= createContextValues();
    return this.#values;
  }

  timeoutMs(): number | undefined {
    return this.deadlineAtMs === undefined ? undefined : this.deadlineAtMs - this.#clock.monotonic();
  }

  /** Sends what the handler has put into `responseHeader`; before the first message. */
  sendHeaders(): void {
    if (!this.#responseHeader) return;
    const metadata = new Metadata();
    copyHeaders(this.#responseHeader, metadata);
    this.#surface.sendMetadata(metadata);
    this.#responseHeader = undefined;
  }

  /** What the handler has put into `responseTrailer`, and how busy the server is. Not to be changed. */
  trailers(): Metadata {
    const load = this.#loadTrailers();
    if (!this.#responseTrailer) return load;
    const metadata = load.clone();
    copyHeaders(this.#responseTrailer, metadata);
    return metadata;
  }

  succeed(): void {
    this.#settle(0);
  }

  fail(reason: unknown): void {
    if (this.#settled) return;
    const error = toConnectError(reason);
    const status = toStatus(error);
    status.metadata.merge(this.trailers());
    this.sendHeaders();
    this.#reply(status);
    this.#settle(error.code, error);
  }

  /** Sends the status of a call that must not begin. */
  refuse(status: StatusObject): void {
    if (this.#settled) return;
    this.#refused = true;
    this.#reply(status);
    this.#settle(Code.Unavailable);
  }

  #cancelled(): void {
    if (this.#settled) return;
    const late = (this.timeoutMs() ?? Number.POSITIVE_INFINITY) < DEADLINE_SLACK_MS;
    this.#settle(late ? Code.DeadlineExceeded : Code.Canceled);
  }

  #settle(code: Code | 0, error?: ConnectError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#abort?.abort(
      code === 0 ? undefined : (error ?? new ConnectError("nobody waits for the answer", code)),
    );
    this.#onSettled(this, code, error);
  }

  #header(name: string): string | undefined {
    const [value] = this.#surface.metadata.get(name);
    return typeof value === "string" ? value : undefined;
  }
}

function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) {
      headers.append(name, typeof value === "string" ? value : value.toString("base64"));
    }
  }
  return headers;
}
