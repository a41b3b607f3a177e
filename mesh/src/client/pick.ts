import { Code } from "@connectrpc/connect";
import type { Clock } from "../clock.ts";
import type { Call, CallOutcome, Done, Send } from "./call.ts";
import type { Cluster } from "./cluster.ts";

/** How long a call without a deadline, such as a stream, waits for an endpoint. */
const PATIENCE_MS = 10_000;

export interface PickParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** Called where no endpoint of the version that a call asks for may be chosen. */
  readonly onOtherVersion: () => void;
}

/**
 * Chooses the endpoint of an attempt. Where none is connected yet it waits, as long as the call's deadline
 * allows, for discovery's first word and the first connection.
 */
export function pickLayer(next: Send, { cluster, clock, onOtherVersion }: PickParts): Send {
  const pick = (call: Call, done: Done): void => {
    if (call.aborted) {
      done(call.aborted);
      return;
    }
    const endpoint = cluster.pick(clock.monotonic(), call.tried, call.key, call.version, call.plan.path);
    if (endpoint) {
      if (call.version !== undefined && endpoint.info.version !== call.version) onOtherVersion();
      call.endpoint = endpoint;
      next(call, done);
      return;
    }
    const failure = cluster.whyHopeless();
    if (failure) done(failure);
    else wait(call, done);
  };

  const wait = (call: Call, done: Done): void => {
    const stop = () => {
      clearTimeout(timer);
      leave();
      call.onAbort = undefined;
    };
    const leave = cluster.whenPickable((failure) => {
      stop();
      if (failure) done(failure);
      else pick(call, done);
    });
    const giveUp = (outcome: CallOutcome) => {
      stop();
      done(outcome.code === Code.DeadlineExceeded ? cluster.nobodyInTime() : outcome);
    };
    const hasDeadline = call.deadlineAtMs !== undefined;
    const timer = hasDeadline ? undefined : setTimeout(() => giveUp(cluster.nobodyInTime()), PATIENCE_MS);
    call.onAbort = giveUp;
  };
  return pick;
}
