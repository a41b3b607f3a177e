import { InterceptingCall, type Interceptor } from "@grpc/grpc-js";
import { currentScope, LISTENER_HEADER } from "../call-scope.ts";
import { inherit } from "../client/propagation.ts";
import { systemClock } from "../clock.ts";

/**
 * Hands on, from a handler of the mesh to the calls of a stock client, what is left of its time, its trace, and for
 * whom it works. An interceptor, since grpc-js chooses the endpoint of a call outside of the handler's context:
 *
 *     new CatalogService("consul:///catalog", credentials, { interceptors: [propagation] });
 */
export const propagation: Interceptor = (options, nextCall) => {
  const scope = currentScope();
  if (!scope) return new InterceptingCall(nextCall(options));
  const leftMs = (scope.deadlineAtMs ?? Number.POSITIVE_INFINITY) - performance.now();
  const ownAtMs = Number(options.deadline ?? Number.POSITIVE_INFINITY);
  const deadline = Math.min(ownAtMs, Date.now() + leftMs);
  return new InterceptingCall(nextCall({ ...options, deadline }), {
    start(metadata, listener, next) {
      const headers: Record<string, string> = {};
      for (const name of [LISTENER_HEADER, "traceparent"]) {
        const [own] = metadata.get(name);
        if (own !== undefined) headers[name] = own.toString();
      }
      inherit(headers, scope, { clock: systemClock });
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      next(metadata, listener);
    },
  });
};
