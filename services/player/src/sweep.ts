import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceDeps } from "@antiphon/mesh";
import type { AudioStore } from "./audio-store.ts";
import type { QueueStore } from "./queue-store.ts";
import { URL_LIFETIME_MS } from "./service.ts";
import type { Workspaces } from "./storage/workspaces.ts";

export interface SweepDeps extends Pick<ServiceDeps, "log" | "signal"> {
  readonly audio: Pick<AudioStore, "sweep">;
  readonly workspaces: Pick<Workspaces, "tidy">;
  readonly queues: Pick<QueueStore, "forgetCommands">;
}

const EVERY_MS = 3_600_000;
const ABANDONED_MS = 24 * 3_600_000;

/** Deletes, every hour until the signal, what nobody can ask for any more. */
export async function runSweeps({ audio, workspaces, queues, log, signal }: SweepDeps): Promise<void> {
  while (!signal.aborted) {
    try {
      await audio.sweep(URL_LIFETIME_MS);
      await workspaces.tidy(ABANDONED_MS);
      await queues.forgetCommands();
    } catch (error) {
      log.warn({ err: error }, "the sweep of what is old failed; it is tried again in an hour");
    }
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
