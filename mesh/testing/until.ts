import { setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** What is waited for, for the message. */
  readonly what?: string;
}

type Truthy<T> = Exclude<T, false | 0 | 0n | "" | null | undefined>;

/**
 * Waits until the condition holds and resolves with its value. A condition that throws does not hold
 * yet; its last error is the cause of the rejection when time is up.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000, what = "the condition" }: UntilOptions = {},
): Promise<Truthy<T>> {
  const giveUpAt = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value as Truthy<T>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(10);
  } while (performance.now() < giveUpAt);
  throw new Error(`${what} did not hold within ${timeoutMs} ms`, { cause });
}
