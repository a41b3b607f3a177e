import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type Clock, fail, newId, requireListener } from "@antiphon/mesh";
import { PlayerErrorReason, type PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { AudioStore, Rendition } from "./audio-store.ts";
import { refuse } from "./errors.ts";
import { type CodecName, LADDERS, stagesUntilPlayable, stagesUntilWhole } from "./ladder.ts";
import type { PackagingCounts, PackagingStore } from "./packaging-store.ts";
import { page } from "./paging.ts";
import { isTooEarly, qualifiesAfterMs } from "./playback.ts";
import { codecsOf, ladderAnswer } from "./playback-answer.ts";
import type { PlaybackStore } from "./playback-store.ts";
import type { QualityMetrics } from "./quality.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import type { Tracks } from "./tracks.ts";

export interface PlayerDeps {
  readonly audio: AudioStore;
  readonly objects: Pick<ObjectStore, "read">;
  readonly jobs: PackagingStore;
  readonly playbacks: PlaybackStore;
  readonly tracks: Tracks;
  readonly quality: QualityMetrics;
  /** Shared with the gateway, which checks what is signed with it. */
  readonly mediaKey: string;
  readonly clock: Clock;
  /** Aborts when this instance drains. */
  readonly draining: AbortSignal;
}

/** How long the URLs of a playback can be used. Objects that are dropped stay as long. */
export const URL_LIFETIME_MS = 6 * 3_600_000;

/** A first segment that is larger is not put into the answer: it would hold up the rest of it. */
const MAX_INLINE_BYTES = 16 * 1024;

const WATCH_MS = 500;

export function playerService(deps: PlayerDeps): ServiceImpl<typeof PlayerService> {
  const { audio, objects, jobs, playbacks, tracks, quality, mediaKey, clock, draining } = deps;

  async function whyNotPlayable(trackId: string): Promise<ConnectError> {
    const job = await jobs.state(trackId);
    if (job?.state === "failed") {
      const message = `track ${trackId} can't be played: ${job.failure}`;
      return refuse(PlayerErrorReason.PACKAGING_FAILED, trackId, message);
    }
    // Waiting, at work, or just imported with the event on its way.
    const message = `track ${trackId} is being made ready to play: ask again in a second`;
    return refuse(PlayerErrorReason.NOT_PACKAGED_YET, trackId, message);
  }

  /** The first of these codecs that the track is packaged in. */
  async function findPlayable(trackId: string, codecs: readonly CodecName[]) {
    for (const codec of codecs) {
      const found = await audio.find(trackId, codec);
      if (found) return { codec, ...found };
    }
    return undefined;
  }

  /** Empty where it is too large or can't be read: the listener fetches it then, as every other one. */
  async function firstSegment({ objectId, initBytes, segmentBytes }: Rendition): Promise<Uint8Array> {
    const bytes = initBytes + (segmentBytes[0] ?? 0);
    if (bytes > MAX_INLINE_BYTES) return new Uint8Array();
    return Buffer.concat(await Array.fromAsync(objects.read(objectId, 0, bytes)).catch(() => []));
  }

  return {
    async startPlayback({ trackId, codecs: asked, inlineFirstSegment }) {
      const { id: listenerId } = requireListener();
      const codecs = codecsOf(asked);
      const [track, found] = await Promise.all([tracks.get(trackId), findPlayable(trackId, codecs)]);
      if (!track) {
        const message = `track ${trackId} is not in the catalog`;
        throw refuse(PlayerErrorReason.TRACK_NOT_FOUND, trackId, message);
      }
      if (!found) {
        await jobs.want(trackId, Math.min(...codecs.map(stagesUntilPlayable)));
        throw await whyNotPlayable(trackId);
      }
      const answer = ladderAnswer(trackId, found, mediaKey, clock.now() + URL_LIFETIME_MS);
      const durationMs = (Number(found.totalSamples) * 1_000) / LADDERS[found.codec].sampleRateHz;
      const qualifiesAtMs = Math.floor(clock.now() + qualifiesAfterMs(durationMs));
      const playback = { id: newId("pb"), listenerId, trackId, qualifiesAtMs };
      const [firstBytes, albumGainDb] = await Promise.all([
        inlineFirstSegment && found.renditions[0] ? firstSegment(found.renditions[0]) : undefined,
        track.album ? audio.albumGainDb(track.album.id) : undefined,
        playbacks.create(playback),
        answer.ladderGrows ? jobs.want(trackId, stagesUntilWhole(found.codec)) : undefined,
      ]);
      return {
        ...answer,
        playbackId: playback.id,
        track: { ...track, playable: true },
        gainDb: found.gainDb,
        ...(albumGainDb === undefined ? {} : { albumGainDb }),
        peaks: found.peaks,
        ...(firstBytes ? { firstSegment: firstBytes } : {}),
      };
    },

    async reportPlayback(report) {
      const { playbackId } = report;
      const now = clock.now();
      const playback = await playbacks.report(requireListener().id, report, now);
      if (!playback) {
        const message = `playback ${playbackId} is not one of yours`;
        throw refuse(PlayerErrorReason.PLAYBACK_NOT_FOUND, playbackId, message);
      }
      if (!isTooEarly(playback, report, now)) return {};
      const message = `playback ${playbackId} can't have been heard for long enough: it can in ${playback.qualifiesAtMs - now} ms`;
      throw refuse(PlayerErrorReason.NOT_HEARD_YET, playbackId, message);
    },

    async reportQuality(report) {
      quality(report);
      return {};
    },

    async listHistory(request) {
      const { id } = requireListener();
      const { rows, nextPageToken } = await page(request, (after, limit) =>
        playbacks.history(id, after, limit),
      );
      const known = await tracks.getMany([...new Set(rows.map(({ trackId }) => trackId))]);
      return {
        entries: rows.map(({ trackId, playedAtMs }) => ({
          track: known.get(trackId) ?? { id: trackId },
          playedAt: timestampFromMs(playedAtMs),
        })),
        nextPageToken,
      };
    },

    async *watchPackaging(_request, { signal }) {
      const ended = AbortSignal.any([signal, draining]);
      for (let told: PackagingCounts | undefined; !ended.aborted; ) {
        const { lastTrackId, ...counts } = await jobs.counts();
        if (!isDeepStrictEqual({ lastTrackId, ...counts }, told)) {
          told = { lastTrackId, ...counts };
          const titles = await tracks.getMany(lastTrackId ? [lastTrackId] : []);
          yield { ...counts, lastTitle: titles.get(lastTrackId ?? "")?.title ?? "" };
        }
        if (counts.waiting + counts.running === 0) return;
        await sleep(WATCH_MS, undefined, { signal: ended }).catch(() => {});
      }
      throw fail(Code.Unavailable, "this player is shutting down; watch another one");
    },
  };
}
