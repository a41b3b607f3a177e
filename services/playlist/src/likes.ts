import { requireListener, withTransaction } from "@antiphon/mesh";
import {
  LikeTrackResponseSchema,
  ListLikedTracksResponseSchema,
  type PlaylistService,
  UnlikeTrackResponseSchema,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { PlaylistDeps } from "./deps.ts";
import { publishLike } from "./events.ts";
import { countLikes, deleteLike, insertLike, isLiked, listLikes } from "./like-store.ts";
import { likeMessage } from "./messages.ts";
import { page } from "./paging.ts";

type Handlers = Pick<ServiceImpl<typeof PlaylistService>, "likeTrack" | "unlikeTrack" | "listLikedTracks">;

/** Liked songs. Events tell only of what changed. */
export function likeHandlers({ pool, tracks, outbox, clock }: PlaylistDeps): Handlers {
  return {
    async likeTrack({ trackId }) {
      const { id: listenerId } = requireListener();
      if (await isLiked(pool, listenerId, trackId)) return create(LikeTrackResponseSchema);
      await tracks.require([trackId]);
      const atMs = clock.now();
      await withTransaction(pool, async (tx) => {
        if (!(await insertLike(tx, listenerId, trackId, atMs))) return;
        await publishLike(outbox, tx, { liked: true, listenerId, trackId, atMs });
      });
      return create(LikeTrackResponseSchema);
    },

    async unlikeTrack({ trackId }) {
      const { id: listenerId } = requireListener();
      await withTransaction(pool, async (tx) => {
        if (!(await deleteLike(tx, listenerId, trackId))) return;
        await publishLike(outbox, tx, { liked: false, listenerId, trackId, atMs: clock.now() });
      });
      return create(UnlikeTrackResponseSchema);
    },

    async listLikedTracks(request) {
      const { id } = requireListener();
      const [{ rows, nextPageToken }, total] = await Promise.all([
        page(
          request,
          (after, limit) => listLikes(pool, id, after, limit),
          (like) => ({ atMs: like.likedAtMs, id: like.trackId }),
        ),
        countLikes(pool, id),
      ]);
      const known = await tracks.glimpse(rows.map((like) => like.trackId));
      return create(ListLikedTracksResponseSchema, {
        likes: rows.map((like) => likeMessage(like, known)),
        nextPageToken,
        total,
      });
    },
  };
}
