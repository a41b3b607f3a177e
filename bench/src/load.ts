import { setTimeout as sleep } from "node:timers/promises";
import { round } from "./report.ts";

/** What a client process is told to send. Calls start when they are due, whether or not earlier ones have ended. */
export interface LoadOrder {
  readonly ratePerSecond: number;
  readonly durationMs: number;
  readonly deadlineMs: number;
  /** So many calls start together. Default 1. */
  readonly burst?: number;
  /** The process blocks its event loop in the middle for so long. Default 0. */
  readonly stallMs?: number;
}

/** How a client process is set up, as its first argument. */
export interface LoadSettings {
  readonly addresses: readonly string[];
  /** Finds the service `echo` through Consul instead. */
  readonly consulUrl?: string;
  /** Calls a method that must not be sent twice. */
  readonly once?: boolean;
  /** So many streams of the mesh's client stay open meanwhile. Default 0. */
  readonly streams?: number;
  /** The mesh's hedging policy: off without it. */
  readonly hedgeAfterMs?: number;
  /** Of grpc-js's service config. */
  readonly methodConfig?: readonly object[];
  readonly retryThrottling?: object;
}

/** How the calls of a load ended. */
export interface LoadResult {
  readonly offered: number;
  /** How long each call took that succeeded. */
  readonly tookMs: readonly number[];
  /** How many failed, by gRPC code. */
  readonly failures: Readonly<Record<string, number>>;
  /** What the first few that failed said, with whom it was heard from. */
  readonly firstFailures: readonly string[];
  /** From the first call until the last one had ended. */
  readonly elapsedMs: number;
  /** How many of the streams that are kept open have ended so far, by gRPC code. */
  readonly streamsEnded: Readonly<Record<string, number>>;
  /** What the process held at its end. */
  readonly rssBytes: number;
}

const FAILURES_TOLD = 5;

/** One call under test; rejects with an error that has a gRPC `code`. */
export type OneCall = (deadlineMs: number) => Promise<unknown>;

/** What both clients reject with; the mesh's tells more. */
interface FailedCall {
  readonly code: number;
  readonly message: string;
  readonly peer?: string;
  readonly attempt?: number;
}

export function failedOf({ failures }: LoadResult): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}

/** Calls a second that were made and that succeeded, for a line. */
export function ratesOf(results: readonly LoadResult[]): { offered_rate: number; achieved_rate: number } {
  const seconds = results.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / 1_000;
  const perSecond = (of: (result: LoadResult) => number) =>
    round(results.reduce((sum, result) => sum + of(result), 0) / seconds);
  return {
    offered_rate: perSecond(({ offered }) => offered),
    achieved_rate: perSecond(({ tookMs }) => tookMs.length),
  };
}

/** In a client process: sends the loads it is told to. */
export function serveLoads(one: OneCall, streamsEnded: LoadResult["streamsEnded"] = {}): void {
  process.on("message", async (order: LoadOrder) => {
    process.send?.({ ...(await runLoad(one, order)), streamsEnded } satisfies LoadResult);
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

async function runLoad(one: OneCall, order: LoadOrder): Promise<Omit<LoadResult, "streamsEnded">> {
  const { ratePerSecond, durationMs, deadlineMs, burst = 1, stallMs = 0 } = order;
  const everyMs = (1_000 * burst) / ratePerSecond;
  const bursts = Math.round(durationMs / everyMs);
  const tookMs: number[] = [];
  const failures: Record<string, number> = {};
  const firstFailures: string[] = [];
  const call = async () => {
    const startedAt = performance.now();
    try {
      await one(deadlineMs);
      tookMs.push(performance.now() - startedAt);
    } catch (error) {
      const { code, message, peer, attempt } = error as FailedCall;
      failures[code] = (failures[code] ?? 0) + 1;
      const tookMs = Math.round(performance.now() - startedAt);
      const whence =
        peer === undefined ? "" : ` (attempt ${attempt}, ${peer || "no endpoint"}, ${tookMs} ms)`;
      if (firstFailures.length < FAILURES_TOLD) firstFailures.push(`${message}${whence}`);
    }
  };
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  for (let index = 0; index < bursts; index++) {
    const waitMs = startedAt + index * everyMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    for (let one = 0; one < burst; one++) calls.push(call());
    // After it come the timers, and only then the answers.
    if (stallMs > 0 && index === bursts >> 1) setImmediate(block, stallMs);
  }
  await Promise.all(calls);
  const elapsedMs = performance.now() - startedAt;
  const rssBytes = process.memoryUsage.rss();
  return { offered: calls.length, tookMs, failures, firstFailures, elapsedMs, rssBytes };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
