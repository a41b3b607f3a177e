import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { FormEvent } from "react";
import { useAddToPlaylist, useCreatePlaylist, usePlaylists } from "../library/use-playlists.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import "./add-to-playlist.css";

/** Asks for the playlist to add a track to: one of the listener's, or a new one. */
export function AddToPlaylist({ track, onClose }: { track: Track; onClose: () => void }) {
  const { data, isPending } = usePlaylists();
  const createPlaylist = useCreatePlaylist();
  const add = useAddToPlaylist();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (!name) return;
    createPlaylist(name, (playlist) => add(playlist, track));
    onClose();
  };
  return (
    <Dialog title={`Add “${track.title}” to a playlist`} onClose={onClose}>
      {isPending && <p className="quiet">Loading your playlists…</p>}
      {data && data.playlists.length > 0 && (
        <ul className="playlist-choice" aria-label="Your playlists">
          {data.playlists.map((playlist) => (
            <li key={playlist.id}>
              <button
                type="button"
                onClick={() => {
                  add(playlist, track);
                  onClose();
                }}
              >
                <Icon name="playlist" />
                <span>{playlist.name}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <form className="form new-playlist" onSubmit={submit}>
        <label>
          A new playlist
          <input name="name" placeholder="Name" required maxLength={200} data-testid="playlist-name" />
        </label>
        <button type="submit" className="button primary">
          Make it
        </button>
      </form>
    </Dialog>
  );
}
