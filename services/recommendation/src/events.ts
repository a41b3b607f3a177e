import type { Clock } from "@antiphon/mesh";
import { type EventContext, type EventHandler, on } from "@antiphon/mesh/events";
import {
  TrackChangedSchema,
  TrackImportedSchema,
  TrackRemovedSchema,
} from "@antiphon/proto/antiphon/catalog/v1/events";
import { PlaybackQualifiedSchema, PlaybackSkippedSchema } from "@antiphon/proto/antiphon/player/v1/events";
import {
  TrackAddedSchema,
  TrackLikedSchema,
  TrackRemovedFromPlaylistSchema,
  TrackUnlikedSchema,
} from "@antiphon/proto/antiphon/playlist/v1/events";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { KnownTrackStore } from "./known-track-store.ts";
import { type SignalKind, SKIP_BEFORE_MS } from "./signal.ts";
import type { TasteStore } from "./taste-store.ts";

export interface EventsDeps {
  readonly taste: Pick<TasteStore, "observe" | "withdraw">;
  readonly known: Pick<KnownTrackStore, "put" | "remove">;
  readonly clock: Clock;
}

/** The source of a like: there is one list of liked songs a listener. */
const LIKES = "likes";

/** What the service consumes: what listeners do, and which tracks there are. */
export function recommendationEvents({ taste, known, clock }: EventsDeps): EventHandler[] {
  interface Act {
    readonly listenerId: string;
    readonly trackId: string;
    readonly at?: Timestamp | undefined;
  }
  const observe = async (kind: SignalKind, source: string, act: Act, { tx, at }: EventContext) => {
    const { listenerId, trackId } = act;
    // A clock that is ahead must not outweigh everybody else: weights grow with time.
    const atMs = Math.min(act.at ? timestampMs(act.at) : at.getTime(), clock.now());
    await taste.observe(tx, { listenerId, trackId, kind, source, atMs });
  };

  return [
    // An end is no hearing: who leaps to it has not heard the track, and who heard it has qualified before.
    on(PlaybackQualifiedSchema, (played, context) => observe("heard", played.playbackId, played, context)),
    on(PlaybackSkippedSchema, async (played, context) => {
      if (played.positionMs < SKIP_BEFORE_MS) await observe("skipped", played.playbackId, played, context);
    }),

    on(TrackAddedSchema, (added, context) => observe("added", added.playlistId, added, context)),
    on(TrackRemovedFromPlaylistSchema, async ({ listenerId, trackId, playlistId }, { tx }) => {
      await taste.withdraw(tx, { listenerId, trackId, kind: "added", source: playlistId });
    }),
    on(TrackLikedSchema, (liked, context) => observe("liked", LIKES, liked, context)),
    on(TrackUnlikedSchema, async ({ listenerId, trackId }, { tx }) => {
      await taste.withdraw(tx, { listenerId, trackId, kind: "liked", source: LIKES });
    }),

    on(TrackImportedSchema, async ({ track }, { tx, keySeq, at }) => {
      if (track) await known.put([{ track, keySeq, importedAtMs: at.getTime() }], tx);
    }),
    on(TrackChangedSchema, async ({ track }, { tx, keySeq, at }) => {
      if (track) await known.put([{ track, keySeq, importedAtMs: at.getTime() }], tx);
    }),
    on(TrackRemovedSchema, async ({ trackId }, { tx, keySeq }) => {
      await known.remove(trackId, keySeq, tx);
    }),
  ];
}
