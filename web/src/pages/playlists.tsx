import { type FormEvent, useCallback, useState } from "react";
import { useNavigate } from "react-router";
import { useCreatePlaylist, usePlaylists } from "../library/use-playlists.ts";
import { PlaylistCard } from "../ui/cards.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { CardSkeletons, EmptyState, ErrorState } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { ForListeners } from "./for-listeners.tsx";

/** The listener's playlists. */
export function PlaylistsPage() {
  useTitle("Playlists");
  return (
    <ForListeners icon="playlist" title="Your playlists live here">
      <OwnPlaylists />
    </ForListeners>
  );
}

function OwnPlaylists() {
  const { data, error, refetch } = usePlaylists();
  const [naming, setNaming] = useState(false);
  const stopNaming = useCallback(() => setNaming(false), []);
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  return (
    <>
      <PageHeader
        kind="Yours"
        title="Playlists"
        actions={
          <button
            type="button"
            className="button primary"
            data-testid="new-playlist"
            onClick={() => setNaming(true)}
          >
            <Icon name="plus" /> New playlist
          </button>
        }
      />
      {!data && <CardSkeletons />}
      {data?.playlists.length === 0 && (
        <EmptyState icon="playlist" title="No playlist yet">
          <p>Make one, then add songs to it from the ⋯ menu beside them.</p>
        </EmptyState>
      )}
      <div className="card-grid">
        {data?.playlists.map((playlist) => (
          <PlaylistCard key={playlist.id} playlist={playlist} />
        ))}
      </div>
      {naming && <NewPlaylist onClose={stopNaming} />}
    </>
  );
}

function NewPlaylist({ onClose }: { onClose: () => void }) {
  const createPlaylist = useCreatePlaylist();
  const navigate = useNavigate();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (!name) return;
    createPlaylist(name, (playlist) => void navigate(`/playlist/${playlist.id}`));
    onClose();
  };
  return (
    <Dialog title="New playlist" onClose={onClose}>
      <form onSubmit={submit} className="form">
        <label>
          Name
          <input name="name" required maxLength={200} data-testid="playlist-name" />
        </label>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary">
            Make it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
