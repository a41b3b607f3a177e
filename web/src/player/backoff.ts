/** Milliseconds to wait before try number `attempt` (from 1): doubling from 250 ms to 5 s, with jitter. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(250 * 2 ** (attempt - 1), 5_000);
  return full * (0.5 + random() / 2);
}

/**
 * Waits; a browser that comes back online ends the wait early.
 * Rejects with the signal's reason when it is aborted.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", onOnline);
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const onOnline = () => finish(resolve);
    const onAbort = () => finish(() => reject(signal?.reason));
    const timer = setTimeout(() => finish(resolve), ms);
    globalThis.addEventListener?.("online", onOnline);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
  });
}
