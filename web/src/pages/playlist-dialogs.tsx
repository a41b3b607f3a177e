import type { Playlist } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import type { FormEvent } from "react";
import { useDeletePlaylist } from "../library/use-playlists.ts";
import { Dialog } from "../ui/dialog.tsx";

interface RenameProps {
  readonly playlist: Playlist;
  readonly onRename: (name: string) => void;
  readonly onClose: () => void;
}

/** Asks for a playlist's new name. */
export function RenamePlaylist({ playlist, onRename, onClose }: RenameProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (name && name !== playlist.name) onRename(name);
    onClose();
  };
  return (
    <Dialog title="Rename the playlist" onClose={onClose}>
      <form onSubmit={submit} className="form">
        <label>
          Name
          <input name="name" required maxLength={200} defaultValue={playlist.name} />
        </label>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary">
            Rename
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Makes sure before a playlist is gone. */
export function DeletePlaylist({ playlist, onClose }: { playlist: Playlist; onClose: () => void }) {
  const deletePlaylist = useDeletePlaylist();
  return (
    <Dialog title={`Delete “${playlist.name}”?`} onClose={onClose}>
      <p>Its songs stay in the catalog. The playlist itself cannot be brought back.</p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Keep it
        </button>
        <button
          type="button"
          className="button danger"
          onClick={() => {
            onClose();
            deletePlaylist(playlist);
          }}
        >
          Delete
        </button>
      </div>
    </Dialog>
  );
}
