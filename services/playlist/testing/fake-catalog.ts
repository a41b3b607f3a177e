import { fail, type Served } from "@antiphon/mesh";
import {
  BatchGetTracksResponseSchema,
  CatalogService,
  type Track,
  TrackSchema,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { Code, createServiceImplSpec } from "@connectrpc/connect";

/** A catalog that a test can make slow or send away. */
export class FakeCatalog {
  state: "up" | "silent" | "away" = "up";
  readonly tracks = new Map<string, Track>();

  /** Adds a track; its id comes of the name, which has letters and digits only. */
  add(name: string, coverId = ""): string {
    const id = `trk_${name.padStart(20, "0")}`;
    this.tracks.set(id, create(TrackSchema, { id, title: name, coverId }));
    return id;
  }

  served(): Served {
    return createServiceImplSpec<typeof CatalogService>(CatalogService, {
      batchGetTracks: async ({ trackIds }, { signal }) => {
        if (this.state === "away") throw fail(Code.Unavailable, "away");
        if (this.state === "silent")
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return create(BatchGetTracksResponseSchema, {
          tracks: trackIds.flatMap((id) => this.tracks.get(id) ?? []),
          missingIds: trackIds.filter((id) => !this.tracks.has(id)),
        });
      },
    });
  }
}
