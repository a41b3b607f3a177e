import { Code } from "@connectrpc/connect";
import { type Send, verdictOfMesh } from "./call.ts";

/**
 * Gives an attempt up that has had no answer in time, so that the call can be sent elsewhere. A stream whose
 * first message has come may go on.
 */
export function attemptTimeoutLayer(next: Send, timeoutMs: number, onTimeout: () => void): Send {
  const outcome = {
    ...verdictOfMesh(Code.DeadlineExceeded, `no answer within the ${timeoutMs} ms of an attempt`, {
      reached: true,
      blame: true,
    }),
    isAttemptTimeout: true,
  };
  return (call, done) => {
    const timer = setTimeout(() => {
      if (call.answered || !call.onAbort) return;
      onTimeout();
      call.onAbort(outcome);
    }, timeoutMs);
    next(call, (outcome) => {
      clearTimeout(timer);
      done(outcome);
    });
  };
}
