import type { Call, Done } from "./call.ts";

/** Lets a call rest for a while; where it is given up meanwhile, it ends with that. */
export function sleep(call: Call, waitMs: number, wake: () => void, done: Done): void {
  const timer = setTimeout(() => {
    call.onAbort = undefined;
    wake();
  }, waitMs);
  call.onAbort = (outcome) => {
    clearTimeout(timer);
    call.onAbort = undefined;
    done(outcome);
  };
}
