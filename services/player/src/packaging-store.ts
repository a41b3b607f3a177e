import { newId } from "@antiphon/mesh";
import type { Pool, PoolClient } from "pg";
import { STAGES } from "./ladder.ts";

/** A job that this process may work on as long as it renews its lease. */
export interface PackagingJob {
  readonly trackId: string;
  readonly sourceSha256: string;
  /** How many of STAGES are done: the next one is what this job is about. */
  readonly stagesDone: number;
  /** Whether somebody waits for it. */
  readonly urgent: boolean;
  /** At this stage, this attempt included. */
  readonly attempts: number;
  readonly leaseId: string;
}

export interface PackagingState {
  readonly state: "waiting" | "running" | "done" | "failed";
  /** Why it failed. */
  readonly failure: string | undefined;
}

export interface PackagingCounts {
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  /** Tracks that can be played: their first stage is done. */
  readonly playable: number;
  readonly stagesDone: number;
  readonly stagesTotal: number;
  /** The track of which a stage was done last. */
  readonly lastTrackId: string | undefined;
}

/** The queue of tracks to package, shared by all replicas. */
export interface PackagingStore {
  /** Queues a track, or again where its source is another one than before. */
  enqueue(tx: PoolClient, trackId: string, sourceSha256: string): Promise<void>;
  /** Takes a track out, also from whoever works on it. */
  drop(tx: PoolClient, trackId: string): Promise<void>;
  /**
   * The next job: what somebody waits for, the latest wish first; else the earliest stage, and of those what
   * waits longest. Jobs whose worker went silent are among them. Undefined where there is none.
   */
  claim(options?: { readonly urgentOnly: boolean }): Promise<PackagingJob | undefined>;
  /** Somebody waits for so many stages of a track. What is being done, or failed, is left as it is. */
  want(trackId: string, stages: number): Promise<void>;
  /** Has the stage with this index, and those after it, done again, and soon. */
  redoFrom(trackId: string, stage: number): Promise<void>;
  /** False where the job is somebody else's by now, or nobody's. */
  renew(job: PackagingJob): Promise<boolean>;
  /**
   * Ends a stage in the transaction that keeps its result; the job waits for the next one, or is done.
   * False where it is not this worker's any more.
   */
  completeStage(tx: PoolClient, job: PackagingJob): Promise<boolean>;
  /** Gives a job back, to be begun again after a while; `counted` where the attempt was the job's fault. */
  retryLater(job: PackagingJob, options: { afterMs: number; counted: boolean }): Promise<void>;
  /** Ends a job for good. */
  fail(job: PackagingJob, reason: string): Promise<void>;
  state(trackId: string): Promise<PackagingState | undefined>;
  counts(): Promise<PackagingCounts>;
}

/** So long after a worker was killed its job is taken up by another one. */
export const LEASE_MS = 20_000;

const URGENT = "wanted_at IS NOT NULL";
const LATEST_WISH = "wanted_at DESC";
const EARLIEST_STAGE = "stages_done, queued_seq";

export function packagingStore(pool: Pool): PackagingStore {
  async function claimFirst(which: string, order: string): Promise<PackagingJob | undefined> {
    const { rows } = await pool.query<JobRow>(
      `UPDATE packaging_job
       SET state = 'running', attempts = attempts + 1, lease_id = $1, leased_until = now() + $2 * interval '1 ms'
       WHERE track_id = (
         SELECT track_id FROM packaging_job
         WHERE (state = 'waiting' AND not_before <= now() OR state = 'running' AND leased_until < now()) AND ${which}
         ORDER BY ${order} LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING track_id, source_sha256, stages_done, ${URGENT} AS urgent, attempts, lease_id`,
      [newId("lea"), LEASE_MS],
    );
    return rows[0] && toJob(rows[0]);
  }

  return {
    async enqueue(tx, trackId, sourceSha256) {
      await tx.query(
        `INSERT INTO packaging_job AS job (track_id, source_sha256) VALUES ($1, $2)
         ON CONFLICT (track_id) DO UPDATE
         SET source_sha256 = excluded.source_sha256, state = 'waiting', stages_done = 0, attempts = 0,
             not_before = now(), lease_id = NULL, leased_until = NULL, failure = NULL, finished_at = NULL
         WHERE job.source_sha256 <> excluded.source_sha256`,
        [trackId, sourceSha256],
      );
    },

    async drop(tx, trackId) {
      await tx.query("DELETE FROM packaging_job WHERE track_id = $1", [trackId]);
    },

    async claim({ urgentOnly } = { urgentOnly: false }) {
      const urgent = await claimFirst(URGENT, LATEST_WISH);
      return urgent || urgentOnly ? urgent : await claimFirst("true", EARLIEST_STAGE);
    },

    async want(trackId, stages) {
      await pool.query(
        `UPDATE packaging_job SET wanted_stages = greatest(wanted_stages, $2), wanted_at = now()
         WHERE track_id = $1 AND stages_done < $2 AND state IN ('waiting', 'running')`,
        [trackId, stages],
      );
    },

    async redoFrom(trackId, stage) {
      await pool.query(
        `UPDATE packaging_job
         SET state = 'waiting', stages_done = $2, attempts = 0, not_before = now(), lease_id = NULL,
             leased_until = NULL, failure = NULL, wanted_stages = greatest(wanted_stages, $2 + 1), wanted_at = now()
         WHERE track_id = $1 AND stages_done > $2`,
        [trackId, stage],
      );
    },

    async renew({ trackId, leaseId }) {
      const { rowCount } = await pool.query(
        `UPDATE packaging_job SET leased_until = now() + $3 * interval '1 ms' WHERE track_id = $1 AND lease_id = $2`,
        [trackId, leaseId, LEASE_MS],
      );
      return rowCount === 1;
    },

    async completeStage(tx, { trackId, leaseId, stagesDone }) {
      const done = stagesDone + 1;
      const { rowCount } = await tx.query(
        `UPDATE packaging_job
         SET stages_done = $3, state = $4, attempts = 0, lease_id = NULL, leased_until = NULL, finished_at = now(),
             wanted_at = CASE WHEN wanted_stages > $3 THEN wanted_at END,
             wanted_stages = CASE WHEN wanted_stages > $3 THEN wanted_stages ELSE 0 END
         WHERE track_id = $1 AND lease_id = $2`,
        [trackId, leaseId, done, done < STAGES.length ? "waiting" : "done"],
      );
      return rowCount === 1;
    },

    async retryLater({ trackId, leaseId }, { afterMs, counted }) {
      await pool.query(
        `UPDATE packaging_job
         SET state = 'waiting', lease_id = NULL, leased_until = NULL, not_before = now() + $3 * interval '1 ms',
             attempts = attempts - $4::int
         WHERE track_id = $1 AND lease_id = $2`,
        [trackId, leaseId, afterMs, counted ? 0 : 1],
      );
    },

    async fail({ trackId, leaseId }, reason) {
      await pool.query(
        `UPDATE packaging_job
         SET state = 'failed', lease_id = NULL, leased_until = NULL, failure = $3, finished_at = now(),
             wanted_at = NULL, wanted_stages = 0
         WHERE track_id = $1 AND lease_id = $2`,
        [trackId, leaseId, reason],
      );
    },

    async state(trackId) {
      const { rows } = await pool.query<{ state: PackagingState["state"]; failure: string | null }>(
        "SELECT state, failure FROM packaging_job WHERE track_id = $1",
        [trackId],
      );
      return rows[0] && { state: rows[0].state, failure: rows[0].failure ?? undefined };
    },

    async counts() {
      const { rows } = await pool.query<PackagingCounts & { lastTrackId: string | null }>(
        `SELECT count(*) FILTER (WHERE state = 'waiting')::int AS waiting,
                count(*) FILTER (WHERE state = 'running')::int AS running,
                count(*) FILTER (WHERE state = 'done')::int AS done,
                count(*) FILTER (WHERE state = 'failed')::int AS failed,
                count(*) FILTER (WHERE stages_done > 0)::int AS playable,
                coalesce(sum(stages_done), 0)::int AS "stagesDone",
                count(*)::int * $1::int AS "stagesTotal",
                (array_agg(track_id ORDER BY finished_at DESC) FILTER (WHERE stages_done > 0))[1] AS "lastTrackId"
         FROM packaging_job`,
        [STAGES.length],
      );
      const [counts] = rows;
      return { ...counts!, lastTrackId: counts!.lastTrackId ?? undefined };
    },
  };
}

interface JobRow {
  track_id: string;
  source_sha256: string;
  stages_done: number;
  urgent: boolean;
  attempts: number;
  lease_id: string;
}

function toJob(row: JobRow): PackagingJob {
  return {
    trackId: row.track_id,
    sourceSha256: row.source_sha256,
    stagesDone: row.stages_done,
    urgent: row.urgent,
    attempts: row.attempts,
    leaseId: row.lease_id,
  };
}
