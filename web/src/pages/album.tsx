import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useQuery } from "@connectrpc/connect-query";
import { Link, useParams } from "react-router";
import { usePlay } from "../playback/use-play.ts";
import { formatLength } from "../player/time.ts";
import { PlayAll } from "../tracks/play-all.tsx";
import { TrackList } from "../tracks/track-list.tsx";
import { whilePreparing } from "../tracks/while-preparing.ts";
import { counted } from "../ui/cards.tsx";
import { Cover } from "../ui/cover.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";

/** An album and its tracks. */
export function AlbumPage() {
  const { albumId = "" } = useParams();
  const { data, error, refetch } = useQuery(
    CatalogService.method.getAlbum,
    { albumId },
    { refetchInterval: ({ state }) => whilePreparing(state.data?.tracks) },
  );
  const { play } = usePlay();
  const album = data?.album;
  useTitle(album?.title);
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  if (!album) return <RowSkeletons />;
  const { tracks } = data;
  return (
    <>
      <PageHeader
        kind="Album"
        title={album.title}
        cover={<Cover coverId={album.coverId} albumKey={album.id} eager />}
        actions={<PlayAll tracks={tracks} origin={album.title} />}
      >
        {album.artist && <Link to={`/artist/${album.artist.id}`}>{album.artist.name}</Link>}
        {album.year > 0 && <span>{album.year}</span>}
        <span>{counted(album.trackCount, "track")}</span>
        <span>{formatLength(Number(album.durationMs))}</span>
      </PageHeader>
      <TrackList
        label={`Tracks of ${album.title}`}
        album
        entries={tracks.map((track) => ({ key: track.id, track }))}
        onPlay={(index) => play(tracks, index, album.title)}
      />
    </>
  );
}
