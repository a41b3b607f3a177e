import type { Clock } from "../clock.ts";
import type { Call, CallOutcome, Done, Send } from "./call.ts";
import type { Cluster } from "./cluster.ts";

/**
 * Chooses the endpoint of an attempt. Where none is connected yet it waits, as long as the call's deadline
 * allows, for discovery's first word and the first connection.
 */
export function pickLayer(next: Send, { cluster, clock }: { cluster: Cluster; clock: Clock }): Send {
  const pick = (call: Call, done: Done): void => {
    if (call.aborted) {
      done(call.aborted);
      return;
    }
    const endpoint = cluster.pick(clock.monotonic(), call.tried);
    if (endpoint) {
      call.endpoint = endpoint;
      next(call, done);
    } else wait(call, done);
  };

  const wait = (call: Call, done: Done): void => {
    const leave = cluster.whenPickable((failure: CallOutcome | undefined) => {
      call.onAbort = undefined;
      if (failure) done(failure);
      else pick(call, done);
    });
    call.onAbort = (outcome) => {
      leave();
      done(cluster.explainWait(outcome));
    };
  };
  return pick;
}
