import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useCallback, useState } from "react";
import { useNavigate } from "react-router";
import { useLike } from "../library/likes.tsx";
import { usePlay } from "../playback/use-play.ts";
import { useForListeners } from "../session/sign-in-prompt.tsx";
import type { IconName } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { AddToPlaylist } from "./add-to-playlist.tsx";

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
  const [adding, setAdding] = useState(false);
  const stopAdding = useCallback(() => setAdding(false), []);
  return (
    <>
      <Menu label={`More about ${track.title}`}>
        {(close) => (
          <TrackMenuItems track={track} actions={actions} close={close} onAdd={() => setAdding(true)} />
        )}
      </Menu>
      {adding && <AddToPlaylist track={track} onClose={stopAdding} />}
    </>
  );
}

interface ItemsProps extends Required<TrackMenuProps> {
  readonly close: () => void;
  readonly onAdd: () => void;
}

function TrackMenuItems({ track, actions, close, onAdd }: ItemsProps) {
  const { playNext, addToQueue } = usePlay();
  const { liked, toggle } = useLike(track);
  const forListeners = useForListeners();
  const navigate = useNavigate();
  const { artist, album } = track;
  const then = (action: () => void) => () => {
    close();
    action();
  };
  return (
    <>
      <MenuItem icon="next" disabled={!track.playable} onSelect={then(() => playNext(track))}>
        Play next
      </MenuItem>
      <MenuItem icon="queue" disabled={!track.playable} onSelect={then(() => addToQueue(track))}>
        Add to queue
      </MenuItem>
      <MenuItem icon="playlist" onSelect={then(() => forListeners("keep playlists", onAdd))}>
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
