import { fail, requireListener, TooManyWatchersError, type VersionFeed } from "@antiphon/mesh";
import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  RecommendationErrorDetailSchema,
  RecommendationErrorReason,
  type RecommendationService,
  type Shelf,
  ShelfKind,
  ShelfSchema,
} from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { create } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { KnownTrackStore } from "./known-track-store.ts";
import type { Recommender } from "./recommender.ts";
import type { ShelfPlan } from "./shelves.ts";
import type { Positive } from "./signal.ts";
import type { TasteStore } from "./taste-store.ts";
import type { TrackReader } from "./track-reader.ts";

export interface RecommendationDeps {
  readonly recommend: Recommender;
  readonly tracks: TrackReader;
  readonly known: Pick<KnownTrackStore, "has">;
  readonly taste: Pick<TasteStore, "versions">;
  readonly feed: Pick<VersionFeed, "watch">;
  /** Ends the streams. */
  readonly signal: AbortSignal;
}

const DEFAULT_LIMIT = 20;

export function recommendationService(deps: RecommendationDeps): ServiceImpl<typeof RecommendationService> {
  const { recommend, tracks, known, taste, feed, signal } = deps;

  async function requireTrack(trackId: string): Promise<void> {
    if (await known.has(trackId)) return;
    throw fail(Code.NotFound, `track ${trackId} is not in the catalog`, RecommendationErrorDetailSchema, {
      reason: RecommendationErrorReason.TRACK_NOT_FOUND,
      subject: trackId,
    });
  }

  return {
    async getHome() {
      const { id } = requireListener();
      // Before the shelves: a version may be older than what is shown with it, never newer.
      const version = (await taste.versions([id])).get(id) ?? 0n;
      const plans = await recommend.home(id);
      const found = await tracks.read(plans.flatMap(idsOf));
      return { version, shelves: plans.flatMap((plan) => toShelf(plan, found)) };
    },

    async listSimilarTracks({ trackId, limit }) {
      await requireTrack(trackId);
      const ids = await recommend.similar(trackId, limit || DEFAULT_LIMIT);
      return { tracks: inOrder(ids, await tracks.read(ids)) };
    },

    async getRadio({ seedTrackId, playedIds, limit }) {
      const { id: listenerId } = requireListener();
      await requireTrack(seedTrackId);
      const ids = await recommend.radio({
        listenerId,
        seedId: seedTrackId,
        playedIds,
        limit: limit || DEFAULT_LIMIT,
      });
      return { tracks: inOrder(ids, await tracks.read(ids)) };
    },

    async *watchRecommendations(_request, context) {
      const { id } = requireListener();
      try {
        for await (const version of feed.watch(id, AbortSignal.any([context.signal, signal])))
          yield { version };
      } catch (error) {
        if (error instanceof TooManyWatchersError) throw fail(Code.ResourceExhausted, error.message);
        throw error;
      }
    },
  };
}

const SHELF_KIND = {
  "for-you": ShelfKind.FOR_YOU,
  because: ShelfKind.BECAUSE,
  popular: ShelfKind.POPULAR,
  new: ShelfKind.NEW,
} as const satisfies Record<ShelfPlan["kind"], ShelfKind>;

const DEED: Readonly<Record<Positive["kind"], string>> = {
  heard: "you listened to",
  added: "you added",
  liked: "you like",
};

function idsOf(plan: ShelfPlan): readonly string[] {
  return plan.kind === "because" ? [plan.seed.trackId, ...plan.trackIds] : plan.trackIds;
}

/** None where the catalog has nothing of it any more. */
function toShelf(plan: ShelfPlan, found: ReadonlyMap<string, Track>): Shelf[] {
  const tracks = inOrder(plan.trackIds, found);
  if (tracks.length === 0) return [];
  const kind = SHELF_KIND[plan.kind];
  switch (plan.kind) {
    case "for-you":
      return [create(ShelfSchema, { kind, title: "For you", tracks })];
    case "popular":
      return [create(ShelfSchema, { kind, title: "Popular now", tracks })];
    case "new":
      return [create(ShelfSchema, { kind, title: "New", tracks })];
    case "because": {
      const seed = found.get(plan.seed.trackId);
      if (!seed) return [];
      return [
        create(ShelfSchema, { kind, title: `Because ${DEED[plan.seed.kind]} ${seed.title}`, seed, tracks }),
      ];
    }
  }
}

function inOrder(trackIds: readonly string[], found: ReadonlyMap<string, Track>): Track[] {
  return trackIds.flatMap((id) => found.get(id) ?? []);
}
