import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate, openPool, serve, stableId, withTransaction } from "@antiphon/mesh";
import { type EventType, event, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { freshDatabase, ManualClock, startMesh, type TestMesh } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { TrackImportedSchema, TrackRemovedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { create, type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type pg from "pg";
import { type AudioStore, audioStore } from "../src/audio-store.ts";
import { damageReports } from "../src/damage.ts";
import { catalogHandlers } from "../src/events.ts";
import { mediaService } from "../src/media-service.ts";
import type { Packager } from "../src/packager.ts";
import { type PackagingStore, packagingStore } from "../src/packaging-store.ts";
import { type PackagingDeps, runPackaging } from "../src/packaging-worker.ts";
import { playbackStore } from "../src/playback-store.ts";
import { qualityMetrics } from "../src/quality.ts";
import { playerService } from "../src/service.ts";
import type { ObjectStore } from "../src/storage/object-store.ts";
import { openStorage } from "../src/storage/storage.ts";
import { trackStore } from "../src/track-store.ts";
import { tracks } from "../src/tracks.ts";
import { FakeCatalog } from "./fake-catalog.ts";

export const MEDIA_KEY = "a key of the tests, long enough for them";

/** The player on a database of its own and a fake catalog, on real sockets; no broker. */
export interface PlayerBed {
  readonly mesh: TestMesh;
  readonly pool: pg.Pool;
  /** Objects lie in `objects` below it. */
  readonly dataDir: string;
  readonly catalog: FakeCatalog;
  readonly clock: ManualClock;
  readonly objects: ObjectStore;
  readonly jobs: PackagingStore;
  readonly audio: AudioStore;
  readonly media: Client<typeof MediaService>;
  /** Calls as this listener; without one as nobody. */
  as(listenerId?: string, operator?: boolean): Client<typeof PlayerService>;
  /** Adds a track to the catalog and tells the player; resolves with its id. */
  importTrack(title: string, source?: Uint8Array): Promise<string>;
  removeTrack(id: string): Promise<void>;
  /** Works off the queue, as one process more, until `stop`. */
  startPackaging(options?: Partial<PackagingDeps>): { stop(): Promise<void> };
  /** The events of this type and key, in their order. */
  published<S extends DescMessage>(type: EventType<S>, key: string): Promise<MessageShape<S>[]>;
  stop(): Promise<void>;
}

/** Two segments a rendition, of what the source says, in no time. */
export const fakePackager: Packager = async ({
  source,
  stage: { codec, bitratesKbps, measures },
  folder,
}) => {
  const content = Buffer.concat(await Array.fromAsync(source));
  const renditions = bitratesKbps.map((bitrateKbps) => ({
    bitrateKbps,
    path: join(folder, `${bitrateKbps}.mp4`),
    initBytes: 10,
    segmentBytes: [20, content.length],
  }));
  for (const { bitrateKbps, path } of renditions) {
    await writeFile(path, Buffer.concat([Buffer.alloc(30, String(bitrateKbps)), content]));
  }
  return {
    codec,
    totalSamples: 100_000,
    segmentSamples: [96_000, 4_800],
    renditions,
    measured: measures
      ? { integratedLufs: -20, truePeakDbfs: -5.5, durationMs: 2_083, peaks: Uint8Array.of(1, 2, 3) }
      : undefined,
  };
};

export async function playerBed(): Promise<PlayerBed> {
  const database = await freshDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "antiphon-player-"));
  const pool = openPool(database.url);
  await migrate(pool, new URL("../migrations/", import.meta.url));
  await eventMigrations(pool);
  const catalog = new FakeCatalog();
  const clock = new ManualClock();
  const mesh = await startMesh({ services: [{ name: "catalog", served: [catalog.served()] }] });
  const deps = mesh.deps("player");
  const client = deps.client(CatalogService);
  const outbox = openOutbox({ ...deps, pool, service: "player" });
  const { objects, workspaces } = await openStorage({ dataDir, bucket: undefined });
  const copies = trackStore(pool);
  const jobs = packagingStore(pool);
  const audio = audioStore({ pool, objects, jobs, outbox });
  const handlers = catalogHandlers({ tracks: copies, jobs, audio });
  const service = playerService({
    audio,
    objects,
    jobs,
    playbacks: playbackStore(pool, outbox),
    tracks: tracks({ catalog: client, copies }),
    quality: qualityMetrics(deps.metrics),
    mediaKey: MEDIA_KEY,
    clock,
    draining: deps.signal,
  });
  await mesh.add({
    name: "player",
    served: [
      serve(PlayerService, service),
      serve(
        MediaService,
        mediaService({ objects, audio, damage: damageReports({ ...deps, audio }), mediaKey: MEDIA_KEY }),
      ),
    ],
  });

  async function tell<S extends DescMessage>(schema: S, message: MessageShape<S>): Promise<void> {
    const type = event(schema);
    const handler = handlers.find((each) => each.type === type)!;
    const envelope = {
      id: "",
      type: type.type,
      source: "/test",
      key: type.key(message),
      keySeq: 1n,
      at: new Date(),
    };
    await withTransaction(pool, (tx) => handler.apply([{ envelope, message }], tx));
  }

  return {
    mesh,
    pool,
    dataDir,
    catalog,
    clock,
    objects,
    jobs,
    audio,
    media: mesh.client(MediaService, { target: "consul:///player" }),
    as: (id, operator = false) =>
      mesh.client(PlayerService, { listener: id === undefined ? undefined : { id, operator } }),
    async importTrack(title, source) {
      const track = catalog.add(stableId("trk", title), title, source);
      const sourceSha256 = stableId("sha", Buffer.from(catalog.sources.get(track.id)!).toString("hex"));
      await tell(
        TrackImportedSchema,
        create(TrackImportedSchema, { trackId: track.id, track, sourceSha256 }),
      );
      return track.id;
    },
    async removeTrack(trackId) {
      catalog.tracks.delete(trackId);
      await tell(TrackRemovedSchema, create(TrackRemovedSchema, { trackId }));
    },
    startPackaging(options = {}) {
      const stopped = new AbortController();
      const process = mesh.deps("player");
      const running = runPackaging({
        ...process,
        ...{ catalog: client, jobs, audio, workspaces, packager: fakePackager, workers: 1, pollMs: 5 },
        ...options,
        signal: stopped.signal,
      });
      return {
        async stop() {
          stopped.abort();
          await running;
        },
      };
    },
    async published(type, key) {
      const { rows } = await pool.query<{ payload: Buffer }>(
        "SELECT payload FROM outbox WHERE type = $1 AND key = $2 ORDER BY key_seq",
        [type.type, key],
      );
      return rows.map((row) => fromBinary(type.schema, row.payload));
    },
    async stop() {
      await mesh.stop();
      await pool.end();
      await database.drop();
      await rm(dataDir, { recursive: true });
    },
  };
}
