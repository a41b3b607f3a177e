import { currentScope, LISTENER_HEADER, ROLE_HEADER } from "../call-scope.ts";
import type { Send } from "./call.ts";

/**
 * Hands on for whom a call is made and which trace it belongs to, from the scope of the call that it is
 * part of. What the caller set itself stays.
 */
export function propagationLayer(next: Send): Send {
  return (call, done) => {
    const scope = currentScope();
    if (scope) {
      const { headers } = call;
      if (scope.listener && headers[LISTENER_HEADER] === undefined) {
        headers[LISTENER_HEADER] = scope.listener.id;
        headers[ROLE_HEADER] = scope.listener.operator ? "operator" : "listener";
      }
      if (scope.traceparent !== undefined) headers.traceparent ??= scope.traceparent;
    }
    next(call, done);
  };
}
