import { migrate, openPool, serve, stableId } from "@antiphon/mesh";
import { freshDatabase } from "@antiphon/mesh/testing";
import { CatalogService, type Track, TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";

/** A track with a well-formed id made from its title. */
export function track(
  title: string,
  tags: { artist?: string; album?: string; genres?: string[] } = {},
): Track {
  const { artist = `artist of ${title}`, album = `album of ${title}`, genres = [] } = tags;
  return create(TrackSchema, {
    id: stableId("trk", title),
    title,
    artist: { id: stableId("art", artist), name: artist },
    album: { id: stableId("alb", album), title: album },
    genres,
  });
}

/** An owner of tracks in memory. What recommendation does not call is not there. */
export class FakeCatalog {
  readonly tracks = new Map<string, Track>();
  away = false;

  constructor(...tracks: readonly Track[]) {
    for (const each of tracks) this.tracks.set(each.id, each);
  }

  get served() {
    return serve(CatalogService, this.#impl as ServiceImpl<typeof CatalogService>);
  }

  readonly #impl: Pick<ServiceImpl<typeof CatalogService>, "batchGetTracks" | "exportTracks"> = {
    batchGetTracks: ({ trackIds }) => {
      if (this.away) throw new ConnectError("away", Code.Unavailable);
      return {
        tracks: trackIds.flatMap((id) => this.tracks.get(id) ?? []),
        missingIds: trackIds.filter((id) => !this.tracks.has(id)),
      };
    },
    exportTracks: async function* (this: FakeCatalog) {
      // Far ahead, so that events of other tests on the same broker are never newer.
      const firstMs = Date.UTC(2090, 0, 1);
      for (const [n, each] of [...this.tracks.values()].entries())
        yield { track: each, keySeq: 1n, importedAt: timestampFromMs(firstMs + n * 1000) };
    }.bind(this),
  };
}

/** A database of the test's own with the service's tables. */
export async function recommendationDatabase() {
  const { url, drop } = await freshDatabase();
  const pool = openPool(url);
  await migrate(pool, new URL("../migrations/", import.meta.url));
  return {
    url,
    pool,
    async close() {
      await pool.end();
      await drop();
    },
  };
}
