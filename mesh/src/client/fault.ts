import { Code } from "@connectrpc/connect";
import type { FaultDrawn, MethodRules } from "../policy/method-rules.ts";
import type { PolicyAction } from "../telemetry/policy-metrics.ts";
import { type Call, type Done, type Send, verdictOfMesh } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { sleep } from "./sleep.ts";

export interface FaultParts {
  readonly cluster: Cluster;
  readonly count: (action: PolicyAction) => void;
}

/** Delays an attempt, or ends it as its endpoint might have, where the policy asks for that. */
export function faultLayer(
  next: Send,
  draw: NonNullable<MethodRules["fault"]>,
  { cluster, count }: FaultParts,
): Send {
  const suffer = (call: Call, done: Done, { abortCode }: FaultDrawn): void => {
    if (abortCode !== 0) {
      count("aborted");
      call.attempts++;
      done(verdictOfMesh(abortCode, "a fault that its policy injects", { reached: true }));
    } else if (cluster.isReady(call.endpoint!)) next(call, done);
    else done(verdictOfMesh(Code.Unavailable, "its connection was lost during an injected delay"));
  };
  return (call, done) => {
    const fault = draw(call.headers);
    if (!fault) {
      next(call, done);
      return;
    }
    if (fault.delayMs === 0) {
      suffer(call, done, fault);
      return;
    }
    count("delayed");
    sleep(call, fault.delayMs, () => suffer(call, done, fault), done);
  };
}
