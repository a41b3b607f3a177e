import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type Playlist, PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { describeError } from "../rpc/errors.ts";
import { useSession } from "../session/use-session.ts";
import { useToast } from "../ui/toasts.tsx";

// Menus and dialogs close, and are gone, before their call is answered. So what follows an answer hangs on
// its promise: callbacks given to `mutate` are dropped with the component.

/** The listener's playlists, latest change first. Nothing for visitors. */
export function usePlaylists() {
  const { status } = useSession();
  return useQuery(
    PlaylistService.method.listPlaylists,
    { pageSize: 200 },
    { enabled: status === "signed-in" },
  );
}

/** Asks for the lists of playlists anew; given an id, for that playlist as well. */
export function refreshPlaylists(client: QueryClient, playlistId?: string): void {
  const { listPlaylists, getPlaylist } = PlaylistService.method;
  void client.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: listPlaylists, cardinality: "finite" }),
  });
  if (!playlistId) return;
  void client.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: getPlaylist, input: { playlistId }, cardinality: "finite" }),
  });
}

/** Makes a playlist, and calls `done` with it. */
export function useCreatePlaylist(): (name: string, done?: (playlist: Playlist) => void) => void {
  const client = useQueryClient();
  const toast = useToast();
  const { mutateAsync } = useMutation(PlaylistService.method.createPlaylist);
  return (name, done) =>
    void mutateAsync({ name, idempotencyKey: crypto.randomUUID() }).then(
      ({ playlist }) => {
        refreshPlaylists(client);
        if (playlist) done?.(playlist);
      },
      (error: unknown) => toast(`The playlist could not be made. ${describeError(error)}`),
    );
}

/** Deletes a playlist and leaves its page. */
export function useDeletePlaylist(): (playlist: Playlist) => void {
  const client = useQueryClient();
  const toast = useToast();
  const navigate = useNavigate();
  const { mutateAsync } = useMutation(PlaylistService.method.deletePlaylist);
  return (playlist) =>
    void mutateAsync({ playlistId: playlist.id }).then(
      () => {
        refreshPlaylists(client);
        toast(`“${playlist.name}” is deleted.`);
        void navigate("/playlists");
      },
      (error: unknown) => toast(`“${playlist.name}” could not be deleted. ${describeError(error)}`),
    );
}

/** Adds a track to the end of a playlist. */
export function useAddToPlaylist(): (playlist: Playlist, track: Track) => void {
  const client = useQueryClient();
  const toast = useToast();
  const { mutateAsync } = useMutation(PlaylistService.method.addTracks);
  return (playlist, track) =>
    void mutateAsync({
      playlistId: playlist.id,
      trackIds: [track.id],
      idempotencyKey: crypto.randomUUID(),
    }).then(
      () => {
        refreshPlaylists(client, playlist.id);
        toast(`“${track.title}” is in “${playlist.name}” now.`);
      },
      (error: unknown) => toast(`“${track.title}” could not be added. ${describeError(error)}`),
    );
}
