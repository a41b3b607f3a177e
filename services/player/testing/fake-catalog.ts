import { fail, type Served, serve } from "@antiphon/mesh";
import {
  CatalogErrorDetailSchema,
  CatalogErrorReason,
  CatalogService,
  type Track,
  TrackSchema,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { inChunks } from "./audio.ts";

/** Answers for the catalog what the player asks it. */
export class FakeCatalog {
  readonly tracks = new Map<string, Track>();
  readonly sources = new Map<string, Uint8Array>();
  away = false;

  /** A track of the catalog, with the bytes of its file. */
  add(id: string, title: string, source: Uint8Array = Buffer.from(title)): Track {
    const track = create(TrackSchema, { id, title, artist: { name: "The Testers" } });
    this.tracks.set(id, track);
    this.sources.set(id, source);
    return track;
  }

  served(): Served {
    const impl: Partial<ServiceImpl<typeof CatalogService>> = {
      getTrack: async ({ trackId }) => ({ track: this.#find(this.tracks, trackId) }),
      batchGetTracks: async ({ trackIds }) => {
        this.#answer();
        return { tracks: trackIds.flatMap((id) => this.tracks.get(id) ?? []) };
      },
      readSource: (request) => this.#readSource(request.trackId),
    };
    return serve(CatalogService, impl as ServiceImpl<typeof CatalogService>);
  }

  async *#readSource(trackId: string) {
    for await (const chunk of inChunks(this.#find(this.sources, trackId))) yield { chunk };
  }

  #find<T>(from: ReadonlyMap<string, T>, trackId: string): T {
    this.#answer();
    const found = from.get(trackId);
    if (found) return found;
    const detail = { reason: CatalogErrorReason.TRACK_NOT_FOUND, subject: trackId };
    throw fail(Code.NotFound, `track ${trackId} is not in the catalog`, CatalogErrorDetailSchema, detail);
  }

  #answer(): void {
    if (this.away) throw fail(Code.Unavailable, "the catalog is away");
  }
}
