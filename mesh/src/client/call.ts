import type { MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Code } from "@connectrpc/connect";
import type { Endpoint } from "../balance/endpoint.ts";
import type { Attempt, Outcome } from "../transport/connection.ts";
import type { MethodPlan } from "./method-plan.ts";

/** How a call, or one of its attempts, ended: with an answer of a peer, or by the mesh itself. */
export interface CallOutcome extends Outcome {
  /** Why the mesh itself failed the call. */
  readonly meshReason?: MeshErrorReason;
  /** Only this attempt ran out of time: the call may be sent again. */
  readonly isAttemptTimeout?: boolean;
  /** The attempt was given up because another one was faster. */
  readonly isBeaten?: boolean;
}

/** Where the messages of a streaming answer go. */
export interface ResponseSink {
  header(header: Outcome["header"], attempt: Attempt): void;
  message(bytes: Uint8Array): void;
}

/** What a call needs of an `AbortSignal`, so that who makes one for each call may make something lighter. */
export interface CallSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** One call on its way through the layers of `stack.ts`. */
export interface Call {
  readonly plan: MethodPlan;
  /** The only request message, framed, or the messages to come; compressed on the way, where that is asked for. */
  request: Uint8Array | AsyncIterable<Uint8Array>;
  /** Where messages of a streaming answer go; undefined for unary calls. */
  readonly sink: ResponseSink | undefined;
  /** Names in lower case. */
  readonly headers: Record<string, string>;
  /** What the caller asked for. */
  readonly timeoutMs: number | undefined;
  /** The caller's own signal. */
  readonly signal: CallSignal | undefined;
  /** On the monotonic clock; set by the deadline layer. */
  deadlineAtMs: number | undefined;
  /** How many attempts were started. */
  attempts: number;
  /** The endpoint of the attempt under way, or of the last one. */
  endpoint: Endpoint | undefined;
  /** Where attempts of this call went before, once one has failed. */
  tried: Endpoint[] | undefined;
  /** The version of the service that it shall go to while that has an endpoint; undefined for any. */
  version: string | undefined;
  /** What `ring_hash` places it by. */
  key: string | undefined;
  /** It was sent again once outside the budget, because no handler can have seen it. */
  resentFree: boolean;
  /** Something of the answer has reached the caller: it is too late to send the call again. */
  answered: boolean;
  /** By the attempt under way, or by the last one. */
  messagesSent: number;
  messagesReceived: number;
  /** Why the call was given up from outside; set once, before `onAbort` runs. */
  aborted: CallOutcome | undefined;
  /** Set by whichever layer the call rests in: stops there and reports `outcome`. */
  onAbort: ((outcome: CallOutcome) => void) | undefined;
}

/** A call before its first layer. `headers` is the call's own from here on. */
export function newCall(
  plan: MethodPlan,
  request: Call["request"],
  sink: ResponseSink | undefined,
  signal: CallSignal | undefined,
  timeoutMs: number | undefined,
  headers: Record<string, string>,
): Call {
  return {
    plan,
    request,
    sink,
    headers,
    timeoutMs,
    signal,
    deadlineAtMs: undefined,
    attempts: 0,
    endpoint: undefined,
    tried: undefined,
    version: undefined,
    key: undefined,
    resentFree: false,
    answered: false,
    messagesSent: 0,
    messagesReceived: 0,
    aborted: undefined,
    onAbort: undefined,
  };
}

/** Hears once how a call ended. */
export type Done = (outcome: CallOutcome) => void;

/** Sends a call on its way inwards. */
export type Send = (call: Call, done: Done) => void;

/** Whether the same call may well succeed elsewhere. */
export function isWorthRetrying(outcome: CallOutcome): boolean {
  return outcome.code === Code.Unavailable || outcome.isAttemptTimeout === true || isUnknownThere(outcome);
}

/** Its endpoint runs another version of the service, or is none of it: it would say so again, others may not. */
export function isUnknownThere({ code }: CallOutcome): boolean {
  return code === Code.Unimplemented;
}

/** Gives a call up from outside: the layer in which it rests ends it with `outcome`. */
export function abort(call: Call, outcome: CallOutcome): void {
  if (call.aborted) return;
  call.aborted = outcome;
  call.onAbort?.(outcome);
}

const NOTHING = {};

/** An outcome that the mesh itself decided on; nothing was heard from a peer. */
export function verdictOfMesh(
  code: Outcome["code"],
  text: string,
  more: { meshReason?: MeshErrorReason; reached?: boolean; blame?: boolean } = {},
): CallOutcome {
  return {
    code,
    text,
    details: [],
    header: NOTHING,
    trailer: NOTHING,
    message: undefined,
    reached: more.reached ?? false,
    blame: more.blame ?? false,
    ...(more.meshReason === undefined ? {} : { meshReason: more.meshReason }),
  };
}
