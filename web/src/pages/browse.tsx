import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { AlbumCard, ArtistCard } from "../ui/cards.tsx";
import { Section } from "../ui/section.tsx";
import { CardSkeletons, EmptyState, ErrorState } from "../ui/states.tsx";

/** What there is: albums, newest first, and artists. Open to everybody. */
export function Browse() {
  const albums = useInfiniteQuery(
    CatalogService.method.listAlbums,
    { pageSize: 48, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined },
  );
  const artists = useQuery(CatalogService.method.listArtists, { pageSize: 48 });
  const found = albums.data?.pages.flatMap((page) => page.albums);
  if (albums.error && !found) return <ErrorState error={albums.error} onRetry={albums.refetch} />;
  if (!found) return <CardSkeletons />;
  if (found.length === 0) {
    return (
      <EmptyState icon="album" title="No music yet">
        <p>
          Whoever runs this Antiphon can bring some with <code>make run MUSIC=/path/to/music</code>.
        </p>
      </EmptyState>
    );
  }
  return (
    <>
      <Section title="New in the catalog">
        <div className="card-grid">
          {found.map((album) => (
            <AlbumCard key={album.id} album={album} />
          ))}
        </div>
        {albums.hasNextPage && (
          <button
            type="button"
            className="button"
            disabled={albums.isFetching}
            onClick={() => albums.fetchNextPage()}
          >
            More albums
          </button>
        )}
      </Section>
      {artists.data && artists.data.artists.length > 0 && (
        <Section title="Artists">
          <div className="card-grid">
            {artists.data.artists.map((artist) => (
              <ArtistCard key={artist.id} artist={artist} />
            ))}
          </div>
        </Section>
      )}
    </>
  );
}
