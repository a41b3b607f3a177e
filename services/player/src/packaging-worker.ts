import { setTimeout as sleep } from "node:timers/promises";
import { CallError, isDatabaseAway, type ServiceDeps } from "@antiphon/mesh";
import type { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type Client, Code } from "@connectrpc/connect";
import { Histogram } from "prom-client";
import type { AudioStore } from "./audio-store.ts";
import { STAGES } from "./ladder.ts";
import type { Packager } from "./packager.ts";
import { LEASE_MS, type PackagingJob, type PackagingStore } from "./packaging-store.ts";
import type { Workspaces } from "./storage/workspaces.ts";

export interface PackagingDeps extends Pick<ServiceDeps, "log" | "metrics" | "signal"> {
  readonly catalog: Pick<Client<typeof CatalogService>, "readSource">;
  readonly jobs: PackagingStore;
  readonly audio: AudioStore;
  readonly workspaces: Pick<Workspaces, "make">;
  readonly packager: Packager;
  /** Jobs at once in this process, and one more that somebody waits for; 0 leaves them to other replicas. */
  readonly workers: number;
  /** How often an idle worker looks for a job, default 500 ms. */
  readonly pollMs?: number;
}

/** Then a job has failed. */
const MAX_ATTEMPTS = 3;
const RETRY_MS = 10_000;
/** Who or what is away may be back by then. */
const AWAY_MS = 2_000;

/** Packages what is in the queue until the signal. Resolves when the jobs in hand are given back. */
export async function runPackaging(deps: PackagingDeps): Promise<void> {
  const seconds = new Histogram({
    name: "player_packaging_seconds",
    help: "How long a stage of packaging a track took, by how it ended",
    labelNames: ["result"],
    buckets: [1, 2.5, 5, 10, 25, 50, 100, 250, 500],
    registers: [deps.metrics],
  });
  // A long job must not hold up what somebody waits for.
  const lanes = deps.workers > 0 ? [...Array<boolean>(deps.workers).fill(false), true] : [];
  await Promise.all(lanes.map((urgentOnly) => work(deps, seconds, urgentOnly)));
}

async function work(deps: PackagingDeps, seconds: Histogram<"result">, urgentOnly: boolean): Promise<void> {
  const { jobs, log, signal, pollMs = 500 } = deps;
  while (!signal.aborted) {
    try {
      const job = await jobs.claim({ urgentOnly });
      if (!job) {
        await sleep(pollMs, undefined, { signal });
        continue;
      }
      const startedAt = performance.now();
      const result = await packageJob(deps, job);
      seconds.observe({ result }, (performance.now() - startedAt) / 1000);
    } catch (error) {
      if (signal.aborted) return;
      // The queue is away. A job in hand comes back when its lease ends.
      log.warn({ err: error }, "packaging pauses");
      await sleep(AWAY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

type Result = "packaged" | "lost" | "again" | "failed";

async function packageJob(deps: PackagingDeps, job: PackagingJob): Promise<Result> {
  const { jobs, log, signal } = deps;
  const { trackId } = job;
  if (job.attempts > MAX_ATTEMPTS) {
    await jobs.fail(job, `its packager went away ${MAX_ATTEMPTS} times`);
    return "failed";
  }
  const lost = new AbortController();
  const renewing = setInterval(async () => {
    const held = await jobs.renew(job).catch(() => true);
    if (!held) lost.abort();
  }, LEASE_MS / 3);
  try {
    const kept = await makeAudio(deps, job, AbortSignal.any([signal, lost.signal]));
    if (kept) log.info({ trackId, stage: job.stagesDone + 1, urgent: job.urgent }, "packaged");
    return kept ? "packaged" : "lost";
  } catch (error) {
    if (lost.signal.aborted) return "lost";
    if (signal.aborted || isAway(error)) {
      await jobs.retryLater(job, { afterMs: signal.aborted ? 0 : AWAY_MS, counted: false });
      return "again";
    }
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ trackId, attempts: job.attempts, reason }, "packaging failed");
    if (job.attempts < MAX_ATTEMPTS) {
      await jobs.retryLater(job, { afterMs: RETRY_MS * job.attempts, counted: true });
      return "again";
    }
    await jobs.fail(job, reason);
    return "failed";
  } finally {
    clearInterval(renewing);
  }
}

async function makeAudio(
  { catalog, audio, workspaces, packager }: PackagingDeps,
  job: PackagingJob,
  signal: AbortSignal,
): Promise<boolean> {
  const stage = STAGES[job.stagesDone];
  if (!stage) throw new Error(`there is no stage ${job.stagesDone + 1} of packaging`);
  await using workspace = await workspaces.make();
  const source = readSource(catalog, job.trackId, signal);
  const made = await packager({ source, stage, folder: workspace.path, urgent: job.urgent, signal });
  // Awaited here: the workspace must last until its files are kept.
  return await audio.keep(job, made);
}

/** The call is made when its first chunk is wanted: a call that nobody reads from could fail unheard. */
async function* readSource(
  catalog: PackagingDeps["catalog"],
  trackId: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const { chunk } of catalog.readSource({ trackId }, { signal })) yield chunk;
}

/** Whether trying again later may help without anybody's doing: the catalog or the database is away. */
function isAway(error: unknown): boolean {
  if (isDatabaseAway(error)) return true;
  const passing = [
    Code.Unavailable,
    Code.DeadlineExceeded,
    Code.ResourceExhausted,
    Code.Canceled,
    Code.Aborted,
  ];
  return error instanceof CallError && passing.includes(error.code);
}
