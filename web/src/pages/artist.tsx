import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useQuery } from "@connectrpc/connect-query";
import { useParams } from "react-router";
import { usePlay } from "../playback/use-play.ts";
import { PlayAll } from "../tracks/play-all.tsx";
import { TrackList } from "../tracks/track-list.tsx";
import { whilePreparing } from "../tracks/while-preparing.ts";
import { AlbumCard, counted } from "../ui/cards.tsx";
import { Cover } from "../ui/cover.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { Section } from "../ui/section.tsx";
import { ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";

/** An artist's albums and tracks. */
export function ArtistPage() {
  const { artistId = "" } = useParams();
  const { data, error, refetch } = useQuery(
    CatalogService.method.getArtist,
    { artistId },
    { refetchInterval: ({ state }) => whilePreparing(state.data?.tracks) },
  );
  const { play } = usePlay();
  const artist = data?.artist;
  useTitle(artist?.name);
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  if (!artist) return <RowSkeletons />;
  const { albums, tracks } = data;
  return (
    <>
      <PageHeader
        kind="Artist"
        title={artist.name}
        round
        cover={<Cover coverId={artist.coverId} albumKey={artist.id} eager />}
        actions={<PlayAll tracks={tracks} origin={artist.name} />}
      >
        {artist.albumCount > 0 && <span>{counted(artist.albumCount, "album")}</span>}
        <span>{counted(artist.trackCount, "track")}</span>
      </PageHeader>
      {albums.length > 0 && (
        <Section title="Albums">
          <div className="card-grid">
            {albums.map((album) => (
              <AlbumCard key={album.id} album={album} showYear />
            ))}
          </div>
        </Section>
      )}
      {tracks.length > 0 && (
        <Section title="Tracks">
          <TrackList
            label={`Tracks by ${artist.name}`}
            entries={tracks.map((track) => ({ key: track.id, track }))}
            onPlay={(index) => play(tracks, index, artist.name)}
          />
        </Section>
      )}
    </>
  );
}
