import { setTimeout as sleep } from "node:timers/promises";

/** True when the work settled in time; it goes on unwatched otherwise. A rejection within the time is passed on. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const expired = sleep(ms, false, { signal: timer.signal });
  const settled = work.then(() => true);
  // Whoever loses the race must not become an unhandled rejection.
  for (const branch of [expired, settled]) branch.catch(() => {});
  try {
    return await Promise.race([settled, expired]);
  } finally {
    timer.abort();
  }
}
