import { withTransaction } from "@antiphon/mesh";
import { PlaybackEventKind, type ReportPlaybackRequest } from "@antiphon/proto/antiphon/player/v1/player";
import type { Pool, PoolClient } from "pg";
import { type Publisher, publishReport } from "./events.ts";
import { isTooEarly, marksOf, type Playback } from "./playback.ts";

/** The last entry of a page of history. */
export interface HistoryCursor {
  readonly playedAtMs: number;
  readonly playbackId: string;
}

export interface HistoryRow extends HistoryCursor {
  readonly trackId: string;
}

/** Playbacks, what was reported of them, and with it what a listener has heard. */
export interface PlaybackStore {
  create(playback: Playback): Promise<void>;
  /**
   * Counts a report and publishes its event, in one transaction; one that was counted before changes
   * nothing, nor does a QUALIFIED that comes too early. Resolves with the playback; undefined where this
   * listener has no such one.
   */
  report(listenerId: string, report: ReportPlaybackRequest, atMs: number): Promise<Playback | undefined>;
  /** What the listener heard, latest first. */
  history(listenerId: string, after: HistoryCursor | undefined, limit: number): Promise<HistoryRow[]>;
}

export function playbackStore(pool: Pool, outbox: Publisher): PlaybackStore {
  async function find(tx: PoolClient, id: string, listenerId: string): Promise<Playback | undefined> {
    const { rows } = await tx.query<{ track_id: string; qualifies_at_ms: string }>(
      "SELECT track_id, qualifies_at_ms FROM playback WHERE id = $1 AND listener_id = $2",
      [id, listenerId],
    );
    const [row] = rows;
    return row && { id, listenerId, trackId: row.track_id, qualifiesAtMs: Number(row.qualifies_at_ms) };
  }

  return {
    async create({ id, listenerId, trackId, qualifiesAtMs }) {
      await pool.query(
        "INSERT INTO playback (id, listener_id, track_id, qualifies_at_ms) VALUES ($1, $2, $3, $4)",
        [id, listenerId, trackId, qualifiesAtMs],
      );
    },

    report: (listenerId, report, atMs) =>
      withTransaction(pool, async (tx) => {
        const playback = await find(tx, report.playbackId, listenerId);
        if (!playback || isTooEarly(playback, report, atMs)) return playback;
        const marks = marksOf(report);
        const { rowCount } = await tx.query(
          "INSERT INTO playback_mark (playback_id, mark) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
          [playback.id, marks],
        );
        if (rowCount !== marks.length) return playback;
        if (report.kind === PlaybackEventKind.STARTED) {
          await tx.query("UPDATE playback SET played_at_ms = $2 WHERE id = $1", [playback.id, atMs]);
        }
        await publishReport(outbox, tx, playback, report, atMs);
        return playback;
      }),

    async history(listenerId, after, limit) {
      const { rows } = await pool.query<{ id: string; track_id: string; played_at_ms: string }>(
        `SELECT id, track_id, played_at_ms FROM playback
         WHERE listener_id = $1 AND played_at_ms IS NOT NULL
           AND ($2::bigint IS NULL OR (played_at_ms, id) < ($2, $3))
         ORDER BY played_at_ms DESC, id DESC LIMIT $4`,
        [listenerId, after?.playedAtMs ?? null, after?.playbackId ?? null, limit],
      );
      return rows.map((row) => ({
        playbackId: row.id,
        trackId: row.track_id,
        playedAtMs: Number(row.played_at_ms),
      }));
    },
  };
}
