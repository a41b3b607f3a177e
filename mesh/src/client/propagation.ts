import { type CallScope, currentScope, LISTENER_HEADER, PROOF_HEADER, ROLE_HEADER } from "../call-scope.ts";
import type { Clock } from "../clock.ts";
import type { IdentitySigner } from "../identity/listener-proof.ts";
import type { Send } from "./call.ts";

interface Parts {
  readonly clock: Clock;
  /** Vouches for listeners who come without a proof; undefined where this process may not. */
  readonly signer?: IdentitySigner | undefined;
}

/**
 * Hands on for whom a call is made and which trace it belongs to, from the scope of the call that it is
 * part of. What the caller set itself stays. A listener whose proof has expired, as it does under a long
 * stream, is not handed on: the call is made in nobody's name.
 */
export function propagationLayer(next: Send, { clock, signer }: Parts): Send {
  return (call, done) => {
    const scope = currentScope();
    if (scope) {
      const { headers } = call;
      if (scope.listener && headers[LISTENER_HEADER] === undefined) {
        const token = tokenFor(scope.listener, scope, clock, signer);
        if (token !== undefined) {
          headers[LISTENER_HEADER] = scope.listener.id;
          headers[ROLE_HEADER] = scope.listener.operator ? "operator" : "listener";
          headers[PROOF_HEADER] = token;
        }
      }
      if (scope.traceparent !== undefined) headers.traceparent ??= scope.traceparent;
    }
    next(call, done);
  };
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
