import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { newId, openPool, stableId, withTransaction } from "@antiphon/mesh";
import { event, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import {
  backing,
  freshDatabase,
  startMesh,
  type TestDatabase,
  type TestMesh,
  until,
} from "@antiphon/mesh/testing";
import { TrackImportedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tone } from "../testing/audio.ts";
import { MEDIA_KEY } from "../testing/bed.ts";
import { FakeCatalog } from "../testing/fake-catalog.ts";
import { build } from "./build.ts";
import { loadConfig } from "./config.ts";
import { findFfmpeg } from "./ffmpeg.ts";

let mesh: TestMesh;
let dataDir: string;
let databases: TestDatabase[];
const catalog = new FakeCatalog();

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "antiphon-player-"));
  databases = [await freshDatabase(), await freshDatabase()];
  const config = loadConfig({
    ANTIPHON_DATABASE_URL: databases[0]!.url,
    ANTIPHON_DATA_DIR: dataDir,
    ANTIPHON_MEDIA_KEY: MEDIA_KEY,
    ANTIPHON_NATS_URL: backing().natsUrl,
  });
  mesh = await startMesh({
    listener: { id: newId("lst"), operator: false },
    config: { natsUrl: backing().natsUrl },
    services: [{ name: "catalog", served: [catalog.served()] }],
  });
  // The broker is shared with other tests: a name of its own is a consumer group of its own.
  const name = `player-${newId("t").slice(2)}`;
  await mesh.add({ name: "player", replicas: 2, build: (deps) => build({ ...deps, name }, config) });
});
afterAll(async () => {
  await mesh.stop();
  for (const database of databases) await database.drop();
  await rm(dataDir, { recursive: true });
});

test("an imported track can be played, from its event to its sound", async () => {
  const id = newId("trk");
  const source = await tone({ seconds: 5, format: "flac" });
  const track = catalog.add(id, "First Light", source);
  const pool = openPool(databases[1]!.url);
  await eventMigrations(pool);
  const outbox = openOutbox({ ...mesh.deps("catalog"), pool, service: "catalog" });
  const imported = create(TrackImportedSchema, { trackId: id, track, sourceSha256: stableId("sha", id) });
  await withTransaction(pool, (tx) => outbox.publish(tx, event(TrackImportedSchema), imported));
  outbox.start();

  const player = mesh.client(PlayerService);
  const playback = await until(() => player.startPlayback({ trackId: id }), { timeoutMs: 25_000 });
  expect(playback).toMatchObject({ totalSamples: 240_000n, track: { title: "First Light" } });

  const [lowest] = playback.renditions;
  const media = mesh.client(MediaService, { target: "consul:///player" });
  const parts = [lowest!.init!, ...lowest!.segments];
  const bytes: Uint8Array[] = [];
  for (const { offset, length } of parts) {
    const objectId = `${lowest!.id}.mp4`;
    const chunks = media.readObject({ objectId, offset, length: BigInt(length) });
    for await (const { chunk } of chunks) bytes.push(chunk);
  }
  const file = join(dataDir, "heard.mp4");
  await writeFile(file, Buffer.concat(bytes));
  const args = ["-v", "error", "-i", file, "-af", "volumedetect", "-v", "info", "-f", "null", "-"];
  const { stderr } = await promisify(execFile)(await findFfmpeg(), args);
  const loudest = Number(/max_volume: (\S+) dB/.exec(stderr)?.[1]);
  expect(loudest).toBeGreaterThan(-30);
  expect(stderr).toMatch(/time=00:00:05/);

  await outbox.stop();
  await pool.end();
});
