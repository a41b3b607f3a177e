import { withTransaction } from "@antiphon/mesh";
import type { Pool, PoolClient } from "pg";
import { type Publisher, publishAudioReady } from "./events.ts";
import { SAMPLE_RATE_HZ } from "./ladder.ts";
import type { ObjectStore } from "./object-store.ts";
import type { PackagedAudio, PackagedRendition } from "./packager.ts";
import type { PackagingJob, PackagingStore } from "./packaging-store.ts";

/** What is needed to play a track. */
export interface Audio {
  readonly totalSamples: bigint;
  readonly segmentSamples: number[];
  readonly gainDb: number;
  /** From the lowest to the highest bitrate. */
  readonly renditions: readonly Rendition[];
}

/** Its segments follow one another from `initBytes` on. */
export interface Rendition extends Omit<PackagedRendition, "path"> {
  readonly objectId: string;
}

export interface AudioStoreDeps {
  readonly pool: Pool;
  readonly objects: ObjectStore;
  readonly jobs: PackagingStore;
  readonly outbox: Publisher;
}

/** The renditions of packaged tracks. */
export interface AudioStore {
  find(trackId: string): Promise<Audio | undefined>;
  /**
   * Ends a job with its result: objects, rows and the event, or nothing. False where the job was taken
   * away in the meantime.
   */
  keep(job: PackagingJob, audio: PackagedAudio): Promise<boolean>;
  /** Gives up the renditions of a track. Their objects stay until nobody can hold a signed URL. */
  drop(tx: PoolClient, trackId: string): Promise<void>;
  /** Deletes the objects that were given up longer ago than this and that no other track shares. */
  sweep(olderThanMs: number): Promise<void>;
}

/** Held while objects and the rows about them change, so that no object is deleted that was just put. */
const LOCK_OBJECTS = "SELECT pg_advisory_xact_lock(hashtext('player.objects'))";

export function audioStore({ pool, objects, jobs, outbox }: AudioStoreDeps): AudioStore {
  const drop = async (tx: PoolClient, trackId: string): Promise<void> => {
    await tx.query(
      `INSERT INTO dropped_object (id) SELECT object_id FROM rendition WHERE track_id = $1
       ON CONFLICT (id) DO UPDATE SET dropped_at = excluded.dropped_at`,
      [trackId],
    );
    await tx.query("DELETE FROM audio WHERE track_id = $1", [trackId]);
  };

  return {
    drop,

    async find(trackId) {
      const { rows } = await pool.query<AudioRow & RenditionRow>(
        "SELECT * FROM audio JOIN rendition USING (track_id) WHERE track_id = $1 ORDER BY bitrate_kbps",
        [trackId],
      );
      const [first] = rows;
      return (
        first && {
          totalSamples: BigInt(first.total_samples),
          segmentSamples: first.segment_samples,
          gainDb: first.gain_db,
          renditions: rows.map((row) => ({
            bitrateKbps: row.bitrate_kbps,
            objectId: row.object_id,
            initBytes: row.init_bytes,
            segmentBytes: row.segment_bytes,
          })),
        }
      );
    },

    keep: (job, audio) =>
      withTransaction(pool, async (tx) => {
        if (!(await jobs.complete(tx, job))) return false;
        await tx.query(LOCK_OBJECTS);
        await drop(tx, job.trackId);
        await tx.query(
          `INSERT INTO audio (track_id, total_samples, segment_samples, loudness_lufs, gain_db)
           VALUES ($1, $2, $3, $4, $5)`,
          [job.trackId, audio.totalSamples, audio.segmentSamples, audio.loudnessLufs, audio.gainDb],
        );
        for (const { path, bitrateKbps, initBytes, segmentBytes } of audio.renditions) {
          const objectId = await objects.put(path);
          await tx.query("DELETE FROM dropped_object WHERE id = $1", [objectId]);
          await tx.query(
            `INSERT INTO rendition (track_id, bitrate_kbps, object_id, init_bytes, segment_bytes)
             VALUES ($1, $2, $3, $4, $5)`,
            [job.trackId, bitrateKbps, objectId, initBytes, segmentBytes],
          );
        }
        await publishAudioReady(outbox, tx, {
          trackId: job.trackId,
          durationMs: Math.round((audio.totalSamples * 1000) / SAMPLE_RATE_HZ),
          loudnessLufs: audio.loudnessLufs,
        });
        return true;
      }),

    sweep: (olderThanMs) =>
      withTransaction(pool, async (tx) => {
        await tx.query(LOCK_OBJECTS);
        const { rows } = await tx.query<{ id: string; shared: boolean }>(
          `DELETE FROM dropped_object WHERE dropped_at < now() - $1 * interval '1 ms'
           RETURNING id, EXISTS (SELECT FROM rendition WHERE object_id = dropped_object.id) AS shared`,
          [olderThanMs],
        );
        for (const { id, shared } of rows) if (!shared) await objects.delete(id);
      }),
  };
}

interface AudioRow {
  total_samples: string;
  segment_samples: number[];
  loudness_lufs: number;
  gain_db: number;
}

interface RenditionRow {
  bitrate_kbps: number;
  object_id: string;
  init_bytes: number;
  segment_bytes: number[];
}
