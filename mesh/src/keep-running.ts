import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export interface KeepRunning {
  /** For the log: "the relay". */
  readonly what: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Pause after a run, doubled with each failure in a row up to 5 s; default 100 ms. */
  readonly pauseMs?: number;
}

/** Waits, or returns early when the signal aborts. Never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => {});
}

/** What the promise becomes, or a rejection when the signal aborts before: for waits that know no signal. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Runs `run` again and again until the signal aborts, whatever becomes of it: servers go away and come
 * back. Failures are logged, the same one in a row only once. Never rejects.
 */
export async function keepRunning(options: KeepRunning, run: () => Promise<void>): Promise<void> {
  const { what, log, signal, pauseMs = 100 } = options;
  let failures = 0;
  let lastReason = "";
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      await run();
      failures = 0;
      lastReason = "";
    } catch (error) {
      if (signal.aborted) return;
      // What has run for a while was well; a new failure is a new story.
      if (performance.now() - startedAt > 10_000) failures = 0;
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== lastReason) log.warn({ reason }, `${what} was interrupted and tries again`);
      lastReason = reason;
      failures += 1;
    }
    if (!signal.aborted) await pause(Math.min(pauseMs * 2 ** Math.max(0, failures - 1), 5_000), signal);
  }
}
