import { AsyncLocalStorage } from "node:async_hooks";
import { Code, ConnectError } from "@connectrpc/connect";

/** For whom a call is made. */
export interface ListenerIdentity {
  readonly id: string;
  readonly operator: boolean;
}

/** What shows that somebody entitled to it has named the listener. */
export interface ListenerProof {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** What a handler's call hands on to the calls that it makes. */
export interface CallScope {
  readonly listener?: ListenerIdentity | undefined;
  /** Of the listener, as it came; without it the process vouches itself where it may. */
  readonly proof?: ListenerProof | undefined;
  /** On the monotonic clock, milliseconds. */
  readonly deadlineAtMs?: number | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  /** Aborts when the caller went away or its deadline passed. */
  readonly signal?: AbortSignal | undefined;
}

/** The metadata in which the gateway's word on the listener travels from hop to hop, with its signature. */
export const LISTENER_HEADER = "antiphon-listener";
export const ROLE_HEADER = "antiphon-role";
export const PROOF_HEADER = "antiphon-proof";

const scopes = new AsyncLocalStorage<CallScope>();

/** Runs `fn` as part of a call; the calls it makes inherit deadline, identity and trace. */
export function runInScope<T>(scope: CallScope, fn: () => T): T {
  return scopes.run(scope, fn);
}

export function currentScope(): CallScope | undefined {
  return scopes.getStore();
}

/** The listener of the current call, if somebody is signed in. */
export function currentListener(): ListenerIdentity | undefined {
  return scopes.getStore()?.listener;
}

/** The listener of the current call; throws `unauthenticated` where nobody is signed in. */
export function requireListener(): ListenerIdentity {
  const listener = currentListener();
  if (!listener) throw new ConnectError("sign in to do this", Code.Unauthenticated);
  return listener;
}
