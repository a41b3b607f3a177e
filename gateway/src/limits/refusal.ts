import { Code, ConnectError } from "@connectrpc/connect";

/** Refuses a call that may be sent again later: the answer says in `Retry-After` when. */
export function notNow(message: string, code: Code, waitMs: number): ConnectError {
  return new ConnectError(message, code, { "retry-after": String(Math.max(1, Math.ceil(waitMs / 1000))) });
}

/** Of somebody who asks too often. */
export function tooOften(message: string, waitMs: number): ConnectError {
  return notNow(message, Code.ResourceExhausted, waitMs);
}
