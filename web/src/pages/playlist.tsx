import { type Playlist, Visibility } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { useCallback, useState } from "react";
import { Link, useParams } from "react-router";
import { type PlaylistEdits, usePlaylist } from "../library/use-playlist.ts";
import { usePlay } from "../playback/use-play.ts";
import { formatLength } from "../player/time.ts";
import { useSession } from "../session/use-session.ts";
import { PlayAll } from "../tracks/play-all.tsx";
import { TrackList } from "../tracks/track-list.tsx";
import { counted } from "../ui/cards.tsx";
import { PlaylistCover } from "../ui/cover.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { ForListeners } from "./for-listeners.tsx";
import { DeletePlaylist, RenamePlaylist } from "./playlist-dialogs.tsx";

/** A playlist: play it, and where it is the listener's own, change it. */
export function PlaylistPage() {
  return (
    <ForListeners icon="playlist" title="Playlists are for listeners">
      <PlaylistView />
    </ForListeners>
  );
}

function PlaylistView() {
  const { playlistId = "" } = useParams();
  const { data, error, refetch, edits } = usePlaylist(playlistId);
  const { listener } = useSession();
  const { play } = usePlay();
  const playlist = data?.playlist;
  useTitle(playlist?.name);
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  if (!playlist) return <RowSkeletons />;
  const { items } = data;
  const tracks = items.flatMap((item) => item.track ?? []);
  const isOwn = playlist.ownerId === listener?.id;
  const lengthMs = tracks.reduce((sum, track) => sum + track.durationMs, 0);
  return (
    <>
      <PageHeader
        kind={playlist.visibility === Visibility.PUBLIC ? "Public playlist" : "Playlist"}
        title={playlist.name}
        cover={<PlaylistCover coverIds={playlist.coverIds} playlistId={playlist.id} />}
        actions={
          <>
            <PlayAll tracks={tracks} origin={playlist.name} />
            {isOwn && <OwnerMenu playlist={playlist} edits={edits} />}
          </>
        }
      >
        <span>{counted(playlist.trackCount, "track")}</span>
        {lengthMs > 0 && <span>{formatLength(lengthMs)}</span>}
      </PageHeader>
      {items.length === 0 ? (
        <EmptyState icon="playlist" title="Nothing in it yet">
          <p>
            Find a song, open its ⋯ menu, and choose “Add to playlist”.{" "}
            <Link to="/search">Go to the search</Link>
          </p>
        </EmptyState>
      ) : (
        <TrackList
          label={`Tracks of ${playlist.name}`}
          entries={items.map((item) => ({
            key: item.itemId,
            track: item.track,
            actions: isOwn
              ? [
                  {
                    icon: "trash",
                    label: "Remove from this playlist",
                    onSelect: () => edits.remove(item.itemId),
                  },
                ]
              : [],
          }))}
          onPlay={(index) => {
            const before = items.slice(0, index).filter((item) => item.track?.playable).length;
            play(
              tracks.filter((track) => track.playable),
              before,
              playlist.name,
            );
          }}
          onMove={isOwn ? edits.move : undefined}
        />
      )}
    </>
  );
}

function OwnerMenu({ playlist, edits }: { playlist: Playlist; edits: PlaylistEdits }) {
  const [asking, setAsking] = useState<"rename" | "delete">();
  const stopAsking = useCallback(() => setAsking(undefined), []);
  const isPublic = playlist.visibility === Visibility.PUBLIC;
  return (
    <>
      <Menu label={`More about ${playlist.name}`}>
        {(close) => {
          const then = (action: () => void) => () => {
            close();
            action();
          };
          const visibility = isPublic ? Visibility.PRIVATE : Visibility.PUBLIC;
          return (
            <>
              <MenuItem icon="pencil" onSelect={then(() => setAsking("rename"))}>
                Rename…
              </MenuItem>
              <MenuItem icon="person" onSelect={then(() => edits.setVisibility(visibility))}>
                {isPublic ? "Make private" : "Make public"}
              </MenuItem>
              <MenuItem icon="trash" onSelect={then(() => setAsking("delete"))}>
                Delete…
              </MenuItem>
            </>
          );
        }}
      </Menu>
      {asking === "rename" && (
        <RenamePlaylist playlist={playlist} onRename={edits.rename} onClose={stopAsking} />
      )}
      {asking === "delete" && <DeletePlaylist playlist={playlist} onClose={stopAsking} />}
    </>
  );
}
