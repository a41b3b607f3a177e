import { setTimeout as sleep } from "node:timers/promises";

export type Phase = "starting" | "serving" | "draining";

export interface ReadinessReport {
  readonly ready: boolean;
  readonly phase: Phase;
  /** What each check said: `ok`, or why not. */
  readonly checks: Readonly<Record<string, string>>;
}

/** A check that has not answered by then has failed. */
const CHECK_TIMEOUT_MS = 1_000;

/** Whether this process should get calls: it is serving, and everything it needs answers. */
export class Readiness {
  phase: Phase = "starting";
  readonly #checks = new Map<string, () => unknown>();
  #running: Promise<ReadinessReport> | undefined;

  add(name: string, check: () => unknown): void {
    this.#checks.set(name, check);
  }

  /** Runs the checks; who asks while they run shares their answer. */
  report(): Promise<ReadinessReport> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<ReadinessReport> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await outcome(check)]),
    );
    const ready = this.phase === "serving" && results.every(([, said]) => said === "ok");
    return { ready, phase: this.phase, checks: Object.fromEntries(results) };
  }
}

async function outcome(check: () => unknown): Promise<string> {
  const timer = new AbortController();
  const late = sleep(CHECK_TIMEOUT_MS, `no answer within ${CHECK_TIMEOUT_MS} ms`, { signal: timer.signal });
  const answer = Promise.try(check).then(
    () => "ok",
    (error: unknown) => (error instanceof Error && error.message) || "failed",
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    late.catch(() => {});
    timer.abort();
  }
}
