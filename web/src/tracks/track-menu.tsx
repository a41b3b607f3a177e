import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { useLike } from "../library/likes.tsx";
import { useAddToPlaylist, useCreatePlaylist, usePlaylists } from "../library/use-playlists.ts";
import { usePlay } from "../playback/use-play.ts";
import { useForListeners } from "../session/sign-in-prompt.tsx";
import type { IconName } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";

/** Something more that can be done with a track where it stands: move it up, remove it, … */
export interface TrackAction {
  readonly icon: IconName;
  readonly label: string;
  readonly onSelect: () => void;
  readonly disabled?: boolean;
}

interface TrackMenuProps {
  readonly track: Track;
  readonly actions?: readonly TrackAction[];
}

/** The menu of a track. */
export function TrackMenu({ track, actions = [] }: TrackMenuProps) {
  return (
    <Menu label={`More about ${track.title}`}>
      {(close) => <TrackMenuItems track={track} actions={actions} close={close} />}
    </Menu>
  );
}

interface ItemsProps extends Required<TrackMenuProps> {
  readonly close: () => void;
}

function TrackMenuItems({ track, actions, close }: ItemsProps) {
  const [adding, setAdding] = useState(false);
  const { playNext, addToQueue } = usePlay();
  const { liked, toggle } = useLike(track);
  const forListeners = useForListeners();
  const navigate = useNavigate();
  const { artist, album } = track;
  const then = (action: () => void) => () => {
    close();
    action();
  };
  if (adding) return <AddToPlaylist track={track} close={close} />;
  return (
    <>
      <MenuItem icon="next" disabled={!track.playable} onSelect={then(() => playNext(track))}>
        Play next
      </MenuItem>
      <MenuItem icon="queue" disabled={!track.playable} onSelect={then(() => addToQueue(track))}>
        Add to queue
      </MenuItem>
      <MenuItem
        icon="playlist"
        onSelect={() => {
          forListeners("keep playlists", () => setAdding(true));
        }}
      >
        Add to playlist…
      </MenuItem>
      <MenuItem icon={liked ? "heartFull" : "heart"} onSelect={then(toggle)}>
        {liked ? "Unlike" : "Like"}
      </MenuItem>
      {actions.length > 0 && <hr />}
      {actions.map(({ icon, label, onSelect, disabled = false }) => (
        <MenuItem key={label} icon={icon} disabled={disabled} onSelect={then(onSelect)}>
          {label}
        </MenuItem>
      ))}
      <hr />
      {artist && (
        <MenuItem icon="person" onSelect={then(() => void navigate(`/artist/${artist.id}`))}>
          Go to artist
        </MenuItem>
      )}
      {album && (
        <MenuItem icon="album" onSelect={then(() => void navigate(`/album/${album.id}`))}>
          Go to album
        </MenuItem>
      )}
    </>
  );
}

function AddToPlaylist({ track, close }: { track: Track; close: () => void }) {
  const { data, isPending } = usePlaylists();
  const [naming, setNaming] = useState(false);
  const createPlaylist = useCreatePlaylist();
  const add = useAddToPlaylist();
  const box = useRef<HTMLDivElement>(null);
  // The item that had the focus has gone with the first page of the menu.
  useEffect(() => {
    if (!naming) box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  }, [naming]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (!name) return;
    createPlaylist(name, (playlist) => add(playlist, track));
    close();
  };
  return (
    <div ref={box} className="menu-page">
      <p className="menu-title">Add to playlist</p>
      {naming ? (
        <form className="menu-form" onSubmit={submit}>
          <input
            name="name"
            aria-label="Name of the new playlist"
            placeholder="Name"
            maxLength={200}
            ref={focus}
          />
          <button type="submit" className="button primary">
            Make it
          </button>
        </form>
      ) : (
        <MenuItem icon="plus" onSelect={() => setNaming(true)}>
          New playlist…
        </MenuItem>
      )}
      <hr />
      {isPending && <p className="menu-note">Loading your playlists…</p>}
      {data?.playlists.map((playlist) => (
        <MenuItem
          key={playlist.id}
          icon="playlist"
          onSelect={() => {
            close();
            add(playlist, track);
          }}
        >
          {playlist.name}
        </MenuItem>
      ))}
    </div>
  );
}

function focus(input: HTMLInputElement | null): void {
  input?.focus();
}
