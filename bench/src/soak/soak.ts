import { setTimeout as sleep } from "node:timers/promises";
import { openConsul } from "../consul.ts";
import { LoadClient, WARM_UP } from "../fleet.ts";
import { failedOf, type LoadOrder } from "../load.ts";
import { startMeshReplica } from "../mesh-replica.ts";
import type { Worker } from "../rounds.ts";

export interface SoakOptions {
  readonly durationMs: number;
  /** The same seed makes the same choices; their moments differ. */
  readonly seed: number;
  readonly say: (text: string) => void;
}

export interface SoakReport {
  readonly offered: number;
  readonly failed: number;
  /** How many of each kind. */
  readonly faults: Readonly<Record<Fault, number>>;
  /** What the client's process held, each second. */
  readonly rssBytes: readonly number[];
}

type Fault = "killed" | "stopped" | "restarted";
const FAULTS: readonly Fault[] = ["killed", "stopped", "restarted"];

/** Two of the four may be away at a time. */
const GROUPS = 2;
const REPLICAS_A_GROUP = 2;
const LONGEST_STOP_MS = 2_000;
const ORDER: LoadOrder = { ratePerSecond: 200, durationMs: 1_000, deadlineMs: 5_000 };

/**
 * Calls an idempotent method of a service 200 times a second while its replicas are killed, stopped for up
 * to two seconds, and restarted at random. Ends everything that it has started.
 */
export async function soak({ durationMs, seed, say }: SoakOptions): Promise<SoakReport> {
  const random = randomOf(seed);
  const consul = await openConsul();
  const faults = { killed: 0, stopped: 0, restarted: 0 };
  const groups: Worker[][] = [];
  const running: Worker[] = [];
  let over = false;
  const start = async () => {
    const worker = await startMeshReplica(consul);
    running.push(worker);
    return worker;
  };
  const disturb = async (group: Worker[]) => {
    while (!over) {
      const fault = FAULTS[Math.floor(random() * FAULTS.length)]!;
      const index = Math.floor(random() * group.length);
      const victim = group[index]!;
      if (fault === "stopped") {
        victim.stop("SIGSTOP");
        await sleep(random() * LONGEST_STOP_MS);
        victim.stop("SIGCONT");
      } else {
        victim.stop(fault === "killed" ? "SIGKILL" : "SIGTERM");
        await victim.ended();
        group[index] = await start();
      }
      faults[fault]++;
      await sleep(random() * 1_000);
    }
  };
  try {
    for (let group = 0; group < GROUPS; group++) {
      groups.push(await Promise.all(Array.from({ length: REPLICAS_A_GROUP }, start)));
    }
    const client = await LoadClient.start("load-mesh", { addresses: [], consulUrl: consul.url });
    running.push(client.worker);
    await client.run(WARM_UP);
    const disturbing = Promise.all(groups.map(disturb));
    // Told when it is waited for.
    disturbing.catch(() => {});
    const rssBytes: number[] = [];
    let offered = 0;
    let failed = 0;
    const endsAt = performance.now() + durationMs;
    while (performance.now() < endsAt) {
      const result = await client.run(ORDER);
      offered += result.offered;
      failed += failedOf(result);
      rssBytes.push(result.rssBytes);
      if (failedOf(result) > 0) {
        say(`failed: ${JSON.stringify(result.failures)}, after ${JSON.stringify(faults)}`);
        for (const failure of result.firstFailures) say(`  ${failure}`);
      }
      if (rssBytes.length % 30 === 0) {
        say(
          `${offered} calls, ${failed} failed, ${JSON.stringify(faults)}, ${megabytes(result.rssBytes)} MB`,
        );
      }
    }
    over = true;
    await disturbing;
    return { offered, failed, faults, rssBytes };
  } finally {
    over = true;
    for (const worker of running) worker.stop("SIGKILL");
    await consul.close();
  }
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
