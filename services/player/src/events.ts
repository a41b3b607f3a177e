import { type EventHandler, event, type Outbox, on } from "@antiphon/mesh/events";
import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  TrackChangedSchema,
  TrackImportedSchema,
  TrackRemovedSchema,
} from "@antiphon/proto/antiphon/catalog/v1/events";
import {
  AudioReadySchema,
  PlaybackEndedSchema,
  PlaybackQualifiedSchema,
  PlaybackSkippedSchema,
  PlaybackStalledSchema,
  PlaybackStartedSchema,
} from "@antiphon/proto/antiphon/player/v1/events";
import { PlaybackEventKind, type ReportPlaybackRequest } from "@antiphon/proto/antiphon/player/v1/player";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { PoolClient } from "pg";
import type { AudioStore } from "./audio-store.ts";
import type { PackagingStore } from "./packaging-store.ts";
import type { Playback } from "./playback.ts";
import type { TrackStore } from "./track-store.ts";

/** Where events are written, in the transaction of what they tell. */
export type Publisher = Pick<Outbox, "publish">;

export interface CatalogHandlerDeps {
  readonly tracks: TrackStore;
  readonly jobs: PackagingStore;
  readonly audio: AudioStore;
}

/** A track that was imported, or whose file is another one now, is packaged; one that was removed is dropped. */
export function catalogHandlers({ tracks, jobs, audio }: CatalogHandlerDeps): EventHandler[] {
  const take = async (tx: PoolClient, track: Track | undefined, sourceSha256: string) => {
    if (!track) throw new Error("the event has no track");
    await tracks.remember(tx, track);
    await jobs.enqueue(tx, track.id, sourceSha256);
  };
  return [
    on(TrackImportedSchema, ({ track, sourceSha256 }, { tx }) => take(tx, track, sourceSha256)),
    on(TrackChangedSchema, ({ track, sourceSha256 }, { tx }) => take(tx, track, sourceSha256)),
    on(TrackRemovedSchema, async ({ trackId }, { tx }) => {
      await jobs.drop(tx, trackId);
      await audio.drop(tx, trackId);
    }),
  ];
}

export function publishAudioReady(
  outbox: Publisher,
  tx: PoolClient,
  ready: { readonly trackId: string; readonly durationMs: number; readonly loudnessLufs: number },
): Promise<void> {
  return outbox.publish(tx, event(AudioReadySchema), create(AudioReadySchema, ready));
}

/** Each kind of report is an event of its own. */
export function publishReport(
  outbox: Publisher,
  tx: PoolClient,
  { id: playbackId, listenerId, trackId }: Playback,
  { kind, positionMs, startMs, bufferMs, renditionId }: ReportPlaybackRequest,
  atMs: number,
): Promise<void> {
  const common = { listenerId, playbackId, trackId, at: timestampFromMs(atMs) };
  switch (kind) {
    case PlaybackEventKind.STARTED: {
      const message = create(PlaybackStartedSchema, { ...common, startMs });
      return outbox.publish(tx, event(PlaybackStartedSchema), message);
    }
    case PlaybackEventKind.QUALIFIED:
      return outbox.publish(tx, event(PlaybackQualifiedSchema), create(PlaybackQualifiedSchema, common));
    case PlaybackEventKind.SKIPPED: {
      const message = create(PlaybackSkippedSchema, { ...common, positionMs });
      return outbox.publish(tx, event(PlaybackSkippedSchema), message);
    }
    case PlaybackEventKind.ENDED:
      return outbox.publish(tx, event(PlaybackEndedSchema), create(PlaybackEndedSchema, common));
    case PlaybackEventKind.STALLED: {
      const message = create(PlaybackStalledSchema, { ...common, positionMs, bufferMs, renditionId });
      return outbox.publish(tx, event(PlaybackStalledSchema), message);
    }
    case PlaybackEventKind.UNSPECIFIED:
      throw new Error("the contract's rules let no report without a kind through");
  }
}
