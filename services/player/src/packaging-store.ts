import { newId } from "@antiphon/mesh";
import type { Pool, PoolClient } from "pg";

/** A job that this process may work on as long as it renews its lease. */
export interface PackagingJob {
  readonly trackId: string;
  readonly sourceSha256: string;
  /** This attempt included. */
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
  /** The track that was packaged last. */
  readonly lastTrackId: string | undefined;
}

/** The queue of tracks to package, shared by all replicas. */
export interface PackagingStore {
  /** Queues a track, or again where its source is another one than before. */
  enqueue(tx: PoolClient, trackId: string, sourceSha256: string): Promise<void>;
  /** Takes a track out, also from whoever works on it. */
  drop(tx: PoolClient, trackId: string): Promise<void>;
  /** The job that waits longest, or one whose worker went silent; undefined where there is none. */
  claim(): Promise<PackagingJob | undefined>;
  /** False where the job is somebody else's by now, or nobody's. */
  renew(job: PackagingJob): Promise<boolean>;
  /** Ends a job in the transaction that keeps its result; false where it is not this worker's any more. */
  complete(tx: PoolClient, job: PackagingJob): Promise<boolean>;
  /** Gives a job back, to be begun again after a while; `counted` where the attempt was the job's fault. */
  retryLater(job: PackagingJob, options: { afterMs: number; counted: boolean }): Promise<void>;
  /** Ends a job for good. */
  fail(job: PackagingJob, reason: string): Promise<void>;
  state(trackId: string): Promise<PackagingState | undefined>;
  counts(): Promise<PackagingCounts>;
}

export const LEASE_MS = 60_000;

export function packagingStore(pool: Pool): PackagingStore {
  return {
    async enqueue(tx, trackId, sourceSha256) {
      await tx.query(
        `INSERT INTO packaging_job AS job (track_id, source_sha256) VALUES ($1, $2)
         ON CONFLICT (track_id) DO UPDATE
         SET source_sha256 = excluded.source_sha256, state = 'waiting', attempts = 0, not_before = now(),
             lease_id = NULL, leased_until = NULL, failure = NULL, finished_at = NULL
         WHERE job.source_sha256 <> excluded.source_sha256`,
        [trackId, sourceSha256],
      );
    },

    async drop(tx, trackId) {
      await tx.query("DELETE FROM packaging_job WHERE track_id = $1", [trackId]);
    },

    async claim() {
      const { rows } = await pool.query<JobRow>(
        `UPDATE packaging_job
         SET state = 'running', attempts = attempts + 1, lease_id = $1, leased_until = now() + $2 * interval '1 ms'
         WHERE track_id = (
           SELECT track_id FROM packaging_job
           WHERE state = 'waiting' AND not_before <= now() OR state = 'running' AND leased_until < now()
           ORDER BY queued_seq LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING track_id, source_sha256, attempts, lease_id`,
        [newId("lea"), LEASE_MS],
      );
      const [row] = rows;
      return (
        row && {
          trackId: row.track_id,
          sourceSha256: row.source_sha256,
          attempts: row.attempts,
          leaseId: row.lease_id,
        }
      );
    },

    async renew({ trackId, leaseId }) {
      const { rowCount } = await pool.query(
        `UPDATE packaging_job SET leased_until = now() + $3 * interval '1 ms' WHERE track_id = $1 AND lease_id = $2`,
        [trackId, leaseId, LEASE_MS],
      );
      return rowCount === 1;
    },

    async complete(tx, { trackId, leaseId }) {
      const { rowCount } = await tx.query(
        `UPDATE packaging_job SET state = 'done', lease_id = NULL, leased_until = NULL, finished_at = now()
         WHERE track_id = $1 AND lease_id = $2`,
        [trackId, leaseId],
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
         SET state = 'failed', lease_id = NULL, leased_until = NULL, failure = $3, finished_at = now()
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
                (array_agg(track_id ORDER BY finished_at DESC) FILTER (WHERE state = 'done'))[1] AS "lastTrackId"
         FROM packaging_job`,
      );
      const [counts] = rows;
      return { ...counts!, lastTrackId: counts!.lastTrackId ?? undefined };
    },
  };
}

interface JobRow {
  track_id: string;
  source_sha256: string;
  attempts: number;
  lease_id: string;
}
