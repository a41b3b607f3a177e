import {
  BatchGetTracksResponseSchema,
  CatalogService,
  ExportTracksResponseSchema,
  ListTracksResponseSchema,
  type TrackSchema,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  MediaService,
  ReadObjectResponseSchema,
  StatObjectResponseSchema,
} from "@antiphon/proto/antiphon/media/v1/media";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";

/** Messages of one streamed answer. */
export const STREAM_MESSAGES = 200;
export const SEGMENT_BYTES = 40 * 1024;
export const SEGMENT_PATH = "/media/catalog/cov_bench";

/** What is called: 774 bytes, 27 KB, a stream of 774 bytes, and 40 KB of media. */
export const batch = CatalogService.method.batchGetTracks;
export const list = CatalogService.method.listTracks;
export const exported = CatalogService.method.exportTracks;
export const stat = MediaService.method.statObject;
export const read = MediaService.method.readObject;

const track = (index: number): MessageInitShape<typeof TrackSchema> => ({
  id: `trk_${String(index).padStart(20, "0")}`,
  title: `A title of a usual length ${index}`,
  artist: { id: `art_${String(index).padStart(20, "0")}`, name: "An artist" },
  album: { id: `alb_${String(index).padStart(20, "0")}`, title: "An album" },
  discNumber: 1,
  trackNumber: index % 20,
  durationMs: 200_000 + index,
  year: 1990,
  genres: ["rock", "folk"],
  playable: true,
});
const tracks = (count: number) => Array.from({ length: count }, (_, index) => track(index));

/** The answers, encoded once. */
export const answers = {
  small: toBinary(BatchGetTracksResponseSchema, create(BatchGetTracksResponseSchema, { tracks: tracks(5) })),
  large: toBinary(ListTracksResponseSchema, create(ListTracksResponseSchema, { tracks: tracks(180) })),
  streamed: toBinary(
    ExportTracksResponseSchema,
    create(ExportTracksResponseSchema, { track: { ...track(1), genres: Array(80).fill("a genre") } }),
  ),
  stat: toBinary(
    StatObjectResponseSchema,
    create(StatObjectResponseSchema, {
      sizeBytes: BigInt(SEGMENT_BYTES),
      contentType: "audio/mp4",
      etag: "bench",
      public: true,
    }),
  ),
  segment: toBinary(
    ReadObjectResponseSchema,
    create(ReadObjectResponseSchema, { chunk: new Uint8Array(SEGMENT_BYTES) }),
  ),
};

export const pathOf = (method: { name: string; parent: { typeName: string } }) =>
  `/${method.parent.typeName}/${method.name}`;
