import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  type LikedTrack,
  LikedTrackSchema,
  ListLikedTracksResponseSchema,
  PlaylistService,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import {
  createConnectQueryKey,
  useInfiniteQuery,
  useMutation,
  useTransport,
} from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect } from "react";
import { describeError } from "../rpc/errors.ts";
import { useForListeners } from "../session/sign-in-prompt.tsx";
import { useSession } from "../session/use-session.ts";
import { useToast } from "../ui/toasts.tsx";

const PAGE_SIZE = 200;

/** The listener's liked songs, latest first; all pages, one after the other. Nothing for visitors. */
export function useLikedTracks() {
  const { status } = useSession();
  const query = useInfiniteQuery(
    PlaylistService.method.listLikedTracks,
    { pageSize: PAGE_SIZE, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: (page) => page.nextPageToken || undefined,
      enabled: status === "signed-in",
      staleTime: Number.POSITIVE_INFINITY,
    },
  );
  const { hasNextPage, isFetching, isError, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);
  const likes: readonly LikedTrack[] = query.data?.pages.flatMap((page) => page.likes) ?? [];
  return { ...query, likes };
}

interface Likes {
  readonly ids: ReadonlySet<string>;
  readonly setLiked: (track: Track, liked: boolean) => void;
}

const LikesContext = createContext<Likes>({ ids: new Set(), setLiked: () => undefined });

/** Knows for the whole page what the listener likes. */
export function LikesProvider({ children }: { children: ReactNode }) {
  const { likes } = useLikedTracks();
  const setLiked = useSetLiked();
  return (
    <LikesContext value={{ ids: new Set(likes.map((like) => like.trackId)), setLiked }}>
      {children}
    </LikesContext>
  );
}

/** Whether the listener likes a track, and how to change that. The page changes at once, and back if it failed. */
export function useLike(track: Track | undefined): { readonly liked: boolean; readonly toggle: () => void } {
  const { ids, setLiked } = useContext(LikesContext);
  const forListeners = useForListeners();
  const liked = track !== undefined && ids.has(track.id);
  return {
    liked,
    toggle: () => {
      if (track) forListeners("keep what you like", () => setLiked(track, !liked));
    },
  };
}

function useSetLiked(): (track: Track, liked: boolean) => void {
  const client = useQueryClient();
  const toast = useToast();
  const transport = useTransport();
  const queryKey = createConnectQueryKey({
    schema: PlaylistService.method.listLikedTracks,
    transport,
    input: { pageSize: PAGE_SIZE },
    pageParamKey: "pageToken",
    cardinality: "infinite",
  });
  const show = (track: Track, liked: boolean) =>
    client.setQueryData(queryKey, (data) => {
      if (!data) return data;
      const pages = data.pages.map((page) =>
        create(ListLikedTracksResponseSchema, {
          ...page,
          likes: page.likes.filter((l) => l.trackId !== track.id),
        }),
      );
      const [first, ...rest] = pages;
      if (!liked || !first) return { ...data, pages };
      const like = create(LikedTrackSchema, { trackId: track.id, track, likedAt: timestampNow() });
      return {
        ...data,
        pages: [create(ListLikedTracksResponseSchema, { ...first, likes: [like, ...first.likes] }), ...rest],
      };
    });
  const like = useMutation(PlaylistService.method.likeTrack);
  const unlike = useMutation(PlaylistService.method.unlikeTrack);
  return (track, liked) => {
    // An answer under way would show the state before.
    void client.cancelQueries({ queryKey });
    show(track, liked);
    (liked ? like : unlike).mutateAsync({ trackId: track.id }).catch((error: unknown) => {
      show(track, !liked);
      toast(`“${track.title}” could not be ${liked ? "liked" : "unliked"}. ${describeError(error)}`);
    });
  };
}
