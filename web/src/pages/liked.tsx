import { useLikedTracks } from "../library/likes.tsx";
import { usePlay } from "../playback/use-play.ts";
import { PlayAll } from "../tracks/play-all.tsx";
import { TrackList } from "../tracks/track-list.tsx";
import { counted } from "../ui/cards.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { ForListeners } from "./for-listeners.tsx";

/** The songs that the listener likes. */
export function LikedPage() {
  useTitle("Liked songs");
  return (
    <ForListeners icon="heart" title="What you like is kept here">
      <LikedSongs />
    </ForListeners>
  );
}

function LikedSongs() {
  const { likes, error, data, refetch } = useLikedTracks();
  const { play } = usePlay();
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  if (!data) return <RowSkeletons />;
  const tracks = likes.flatMap((like) => like.track ?? []);
  return (
    <>
      <PageHeader
        kind="Yours"
        title="Liked songs"
        actions={likes.length > 0 && <PlayAll tracks={tracks} origin="Liked songs" />}
      >
        <span>{counted(likes.length, "song")}</span>
      </PageHeader>
      {likes.length === 0 ? (
        <EmptyState icon="heart" title="Nothing liked yet">
          <p>Press the heart beside a song, and it is here.</p>
        </EmptyState>
      ) : (
        <TrackList
          label="Liked songs"
          entries={likes.map((like) => ({ key: like.trackId, track: like.track }))}
          onPlay={(index) => {
            const track = likes[index]?.track;
            if (track) play(tracks, tracks.indexOf(track), "Liked songs");
          }}
        />
      )}
    </>
  );
}
