import { withTransaction } from "@antiphon/mesh";
import type { Pool, PoolClient } from "pg";
import { type Publisher, publishAudioReady } from "./events.ts";
import { type CodecName, stageOf } from "./ladder.ts";
import { gainDb } from "./loudness.ts";
import type { Measured, PackagedRendition, PackagedStage } from "./packager.ts";
import type { PackagingJob, PackagingStore } from "./packaging-store.ts";
import type { ObjectStore } from "./storage/object-store.ts";

/** What is needed to play a track in one codec. */
export interface Audio {
  readonly totalSamples: bigint;
  readonly segmentSamples: number[];
  readonly gainDb: number;
  /** See PeakMeter. */
  readonly peaks: Uint8Array;
  /** From the lowest to the highest bitrate: those that are made so far. */
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
  find(trackId: string, codec: CodecName): Promise<Audio | undefined>;
  /**
   * Keeps what a stage made: objects, rows and, after the first stage, the event, or nothing. False where the
   * job was taken away in the meantime. The first stage replaces all that an earlier source left.
   */
  keep(job: PackagingJob, made: PackagedStage): Promise<boolean>;
  /** Gives up the renditions of a track. Their objects stay until nobody can hold a signed URL. */
  drop(tx: PoolClient, trackId: string): Promise<void>;
  /**
   * The gain of an album, dB: of the mean power of its packaged tracks by their lengths, and their highest
   * peak. Silent tracks do not count. Undefined where there are none.
   * Source: EBU Tech 3343, 7 (loudness of programmes of several items), without the gate across them.
   */
  albumGainDb(albumId: string): Promise<number | undefined>;
  /** Has an object made again from its source; false where no rendition is made of it. */
  remake(objectId: string): Promise<boolean>;
  /** Every object that a rendition is made of. */
  objectIds(): Promise<string[]>;
  /** Which of these no rendition is made of and none has given up; with `remove` they are deleted. */
  orphans(ids: readonly string[], options: { readonly remove: boolean }): Promise<string[]>;
  /** Deletes the objects that were given up longer ago than this and that no other track shares. */
  sweep(olderThanMs: number): Promise<void>;
}

/** While objects and the rows about them change, none is deleted that was just put. */
const LOCK_WRITING = "SELECT pg_advisory_xact_lock_shared(hashtext('player.objects'))";
const LOCK_DELETING = "SELECT pg_advisory_xact_lock(hashtext('player.objects'))";

export function audioStore({ pool, objects, jobs, outbox }: AudioStoreDeps): AudioStore {
  const drop = async (tx: PoolClient, trackId: string): Promise<void> => {
    await tx.query(
      `INSERT INTO dropped_object (id) SELECT object_id FROM rendition WHERE track_id = $1
       ON CONFLICT (id) DO UPDATE SET dropped_at = excluded.dropped_at`,
      [trackId],
    );
    await tx.query("DELETE FROM audio WHERE track_id = $1", [trackId]);
  };

  async function keepMeasured(tx: PoolClient, trackId: string, measured: Measured): Promise<void> {
    await drop(tx, trackId);
    const { integratedLufs, truePeakDbfs, durationMs, peaks } = measured;
    await tx.query(
      `INSERT INTO audio (track_id, loudness_lufs, true_peak_dbfs, gain_db, peaks) VALUES ($1, $2, $3, $4, $5)`,
      [trackId, integratedLufs, truePeakDbfs, gainDb(measured), peaks],
    );
    await publishAudioReady(outbox, tx, { trackId, durationMs, loudnessLufs: integratedLufs });
  }

  async function keepLadder(tx: PoolClient, trackId: string, made: PackagedStage): Promise<void> {
    const { codec, totalSamples, segmentSamples } = made;
    const { rowCount } = await tx.query(
      // A ladder that another stage began is joined where it is aligned with it.
      `INSERT INTO ladder (track_id, codec, total_samples, segment_samples) VALUES ($1, $2, $3, $4)
       ON CONFLICT (track_id, codec) DO UPDATE SET codec = excluded.codec
       WHERE (ladder.total_samples, ladder.segment_samples) = (excluded.total_samples, excluded.segment_samples)`,
      [trackId, codec, totalSamples, segmentSamples],
    );
    if (rowCount !== 1) throw new Error("the renditions are not aligned with those made before");
  }

  return {
    drop,

    async find(trackId, codec) {
      const { rows } = await pool.query<AudioRow & RenditionRow>(
        `SELECT * FROM audio JOIN ladder USING (track_id) JOIN rendition USING (track_id, codec)
         WHERE track_id = $1 AND codec = $2 ORDER BY bitrate_kbps`,
        [trackId, codec],
      );
      const [first] = rows;
      return (
        first && {
          totalSamples: BigInt(first.total_samples),
          segmentSamples: first.segment_samples,
          gainDb: first.gain_db,
          peaks: first.peaks,
          renditions: rows.map((row) => ({
            bitrateKbps: row.bitrate_kbps,
            objectId: row.object_id,
            initBytes: row.init_bytes,
            segmentBytes: row.segment_bytes,
          })),
        }
      );
    },

    keep: (job, made) =>
      withTransaction(pool, async (tx) => {
        const { trackId } = job;
        if (!(await jobs.completeStage(tx, job))) return false;
        await tx.query(LOCK_WRITING);
        if (made.measured) await keepMeasured(tx, trackId, made.measured);
        await keepLadder(tx, trackId, made);
        for (const { path, bitrateKbps, initBytes, segmentBytes } of made.renditions) {
          const objectId = await objects.put(path);
          await tx.query("DELETE FROM dropped_object WHERE id = $1", [objectId]);
          await tx.query(
            `INSERT INTO rendition (track_id, codec, bitrate_kbps, object_id, init_bytes, segment_bytes)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (track_id, codec, bitrate_kbps) DO UPDATE SET
               object_id = excluded.object_id, init_bytes = excluded.init_bytes,
               segment_bytes = excluded.segment_bytes`,
            [trackId, made.codec, bitrateKbps, objectId, initBytes, segmentBytes],
          );
        }
        return true;
      }),

    async albumGainDb(albumId) {
      const { rows } = await pool.query<{ lufs: number | null; peak: number }>(
        `SELECT 10 * log(sum(total_samples * power(10, loudness_lufs / 10)) / sum(total_samples)) AS lufs,
                max(true_peak_dbfs) AS peak
         FROM track JOIN audio ON audio.track_id = track.id JOIN ladder USING (track_id)
         WHERE album_id = $1 AND codec = 'opus' AND loudness_lufs > -70`,
        [albumId],
      );
      const [album] = rows;
      if (album?.lufs == null) return undefined;
      return gainDb({ integratedLufs: album.lufs, truePeakDbfs: album.peak });
    },

    async remake(objectId) {
      const { rows } = await pool.query<{ track_id: string; codec: CodecName; bitrate_kbps: number }>(
        "SELECT track_id, codec, bitrate_kbps FROM rendition WHERE object_id = $1",
        [objectId],
      );
      for (const { track_id, codec, bitrate_kbps } of rows) {
        await jobs.redoFrom(track_id, stageOf(codec, bitrate_kbps));
      }
      return rows.length > 0;
    },

    async objectIds() {
      const { rows } = await pool.query<{ id: string }>("SELECT DISTINCT object_id AS id FROM rendition");
      return rows.map(({ id }) => id);
    },

    orphans: (ids, { remove }) =>
      withTransaction(pool, async (tx) => {
        await tx.query(LOCK_DELETING);
        const { rows } = await tx.query<{ id: string }>(
          `SELECT id FROM unnest($1::text[]) AS given (id)
           WHERE NOT EXISTS (SELECT FROM rendition WHERE object_id = given.id)
             AND NOT EXISTS (SELECT FROM dropped_object WHERE id = given.id)`,
          [ids],
        );
        if (remove) for (const { id } of rows) await objects.delete(id);
        return rows.map(({ id }) => id);
      }),

    sweep: (olderThanMs) =>
      withTransaction(pool, async (tx) => {
        await tx.query(LOCK_DELETING);
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
  gain_db: number;
  peaks: Buffer;
}

interface RenditionRow {
  bitrate_kbps: number;
  object_id: string;
  init_bytes: number;
  segment_bytes: number[];
}
