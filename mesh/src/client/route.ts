import { LISTENER_HEADER } from "../call-scope.ts";
import type { MethodRules } from "../policy/method-rules.ts";
import type { Send } from "./call.ts";

/** Decides, by the policy, which version of the service a call shall go to, for all of its attempts. */
export function routeLayer(next: Send, route: NonNullable<MethodRules["route"]>): Send {
  return (call, done) => {
    call.version = route(call.headers, call.headers[LISTENER_HEADER]);
    next(call, done);
  };
}
