import { type CallScope, currentScope, LISTENER_HEADER, PROOF_HEADER, ROLE_HEADER } from "../call-scope.ts";
import type { Clock } from "../clock.ts";
import type { IdentitySigner } from "../identity/listener-proof.ts";
import type { Send } from "./call.ts";

interface Parts {
  readonly clock: Clock;
  /** Vouches for listeners who come without a proof; undefined where this process may not. */
  readonly signer?: IdentitySigner | undefined;
}

/** The layer that hands on what `inherit` does, from the scope that a call is made in. */
export function propagationLayer(next: Send, parts: Parts): Send {
  return (call, done) => {
    const scope = currentScope();
    if (scope) inherit(call.headers, scope, parts);
    next(call, done);
  };
}

/**
 * Adds to a call's headers for whom it is made and which trace it belongs to, from the call that it is part of.
 * What the caller set itself stays. A listener whose proof has expired, as it does under a long stream, is not
 * handed on: the call is made in nobody's name.
 */
export function inherit(headers: Record<string, string>, scope: CallScope, { clock, signer }: Parts): void {
  const { listener, traceparent } = scope;
  if (listener && headers[LISTENER_HEADER] === undefined) {
    const token = tokenFor(listener, scope, clock, signer);
    if (token !== undefined) {
      headers[LISTENER_HEADER] = listener.id;
      headers[ROLE_HEADER] = listener.operator ? "operator" : "listener";
      headers[PROOF_HEADER] = token;
    }
  }
  if (traceparent !== undefined) headers.traceparent ??= traceparent;
}

function tokenFor(
  listener: NonNullable<CallScope["listener"]>,
  { proof }: CallScope,
  clock: Clock,
  signer: IdentitySigner | undefined,
): string | undefined {
  if (!proof) return signer?.sign(listener).token;
  return proof.expiresAtMs > clock.now() ? proof.token : undefined;
}
