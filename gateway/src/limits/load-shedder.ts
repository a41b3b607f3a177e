import { Priority } from "@antiphon/proto/antiphon/options/v1/options";
import { Code } from "@connectrpc/connect";
import { notNow } from "./refusal.ts";

/** Gives up what matters least while the process cannot keep up. */
export interface LoadShedder {
  /** Throws `unavailable` with `Retry-After` for a call that has to wait for better times. */
  admit(priority: Priority): void;
  close(): void;
}

/** How late timers may be before calls of a priority are refused, in milliseconds. */
const LAG_LIMITS_MS: Readonly<Record<Priority, number>> = {
  [Priority.SHEDDABLE]: 150,
  [Priority.UNSPECIFIED]: 500,
  [Priority.NORMAL]: 500,
  [Priority.CRITICAL]: 3000,
};

const SAMPLE_MS = 50;
/** The weight of the newest sample: one pause of the garbage collector is not overload. */
const WEIGHT = 0.3;
const COME_BACK_MS = 1000;

/**
 * Sheds by how late the event loop runs. The gateway has one thread: when its timers are late, everything
 * is, whatever the reason.
 */
export function loadShedder(monotonic: () => number): LoadShedder {
  let lagMs = 0;
  let sampledAtMs = monotonic();
  const timer = setInterval(() => {
    const nowMs = monotonic();
    lagMs += WEIGHT * (Math.max(0, nowMs - sampledAtMs - SAMPLE_MS) - lagMs);
    sampledAtMs = nowMs;
  }, SAMPLE_MS);
  timer.unref();
  return {
    admit(priority) {
      if (lagMs <= LAG_LIMITS_MS[priority]) return;
      throw notNow("the gateway is overloaded, come back later", Code.Unavailable, COME_BACK_MS);
    },
    close: () => clearInterval(timer),
  };
}
