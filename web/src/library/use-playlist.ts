import {
  type ChangeSchema,
  type GetPlaylistResponse,
  GetPlaylistResponseSchema,
  type Playlist,
  type PlaylistItem,
  PlaylistSchema,
  PlaylistService,
  type Visibility,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { createConnectQueryKey, useMutation, useQuery, useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { describeError } from "../rpc/errors.ts";
import { useToast } from "../ui/toasts.tsx";
import { afterItemId, moved } from "./playlist-edits.ts";
import { refreshPlaylists } from "./use-playlists.ts";

/** Changes to a playlist. The page shows each at once, and takes it back if it failed. */
export interface PlaylistEdits {
  rename(name: string): void;
  setVisibility(visibility: Visibility): void;
  move(from: number, to: number): void;
  remove(itemId: string): void;
}

type ChangeInit = MessageInitShape<typeof ChangeSchema>;
type Seen = Readonly<{ playlist: Playlist; items: readonly PlaylistItem[] }>;

/** A playlist with its items, and how to change it. */
export function usePlaylist(playlistId: string) {
  const query = useQuery(PlaylistService.method.getPlaylist, { playlistId });
  return { ...query, edits: useEdits(playlistId, query.data) };
}

function useEdits(playlistId: string, seen: GetPlaylistResponse | undefined): PlaylistEdits {
  const client = useQueryClient();
  const toast = useToast();
  const transport = useTransport();
  const underWay = useRef(0);
  const { mutateAsync } = useMutation(PlaylistService.method.applyChanges);
  const queryKey = createConnectQueryKey({
    schema: PlaylistService.method.getPlaylist,
    input: { playlistId },
    transport,
    cardinality: "finite",
  });
  const show = ({ playlist, items }: Seen) =>
    client.setQueryData(queryKey, create(GetPlaylistResponseSchema, { playlist, items: [...items] }));

  const apply = (change: ChangeInit, expected: (before: Seen) => Seen) => {
    if (!seen?.playlist) return;
    const before: Seen = { playlist: seen.playlist, items: seen.items };
    void client.cancelQueries({ queryKey });
    show(expected(before));
    underWay.current++;
    const call = mutateAsync({
      playlistId,
      baseRevision: before.playlist.revision,
      changes: [change],
      idempotencyKey: crypto.randomUUID(),
    });
    void call.then(
      ({ playlist, items }) => {
        // An answer to a change before the last would take the last one back for a moment.
        if (--underWay.current === 0 && playlist) show({ playlist, items });
        refreshPlaylists(client);
      },
      (error: unknown) => {
        underWay.current--;
        show(before);
        toast(`That change could not be kept. ${describeError(error)}`);
        refreshPlaylists(client, playlistId);
      },
    );
  };
  const playlistWith = (playlist: Playlist, change: Partial<Playlist>) =>
    create(PlaylistSchema, { ...playlist, ...change });

  return {
    rename: (name) =>
      apply({ change: { case: "rename", value: { name } } }, ({ playlist, items }) => ({
        playlist: playlistWith(playlist, { name }),
        items,
      })),
    setVisibility: (visibility) =>
      apply({ change: { case: "setVisibility", value: { visibility } } }, ({ playlist, items }) => ({
        playlist: playlistWith(playlist, { visibility }),
        items,
      })),
    move: (from, to) => {
      const item = seen?.items[from];
      if (!item || from === to || to < 0 || to >= seen.items.length) return;
      const value = { itemId: item.itemId, afterItemId: afterItemId(seen.items, from, to) };
      apply({ change: { case: "moveItem", value } }, ({ playlist, items }) => ({
        playlist,
        items: moved(items, from, to),
      }));
    },
    remove: (itemId) =>
      apply({ change: { case: "removeItem", value: { itemId } } }, ({ playlist, items }) => ({
        playlist: playlistWith(playlist, { trackCount: Math.max(0, playlist.trackCount - 1) }),
        items: items.filter((item) => item.itemId !== itemId),
      })),
  };
}
