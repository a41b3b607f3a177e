import {
  databaseReady,
  migrate,
  openPool,
  type Served,
  type ServiceDeps,
  serve,
  VersionFeed,
} from "@antiphon/mesh";
import { consume, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { QueueService } from "@antiphon/proto/antiphon/player/v1/queue";
import { audioStore } from "./audio-store.ts";
import type { PlayerConfig } from "./config.ts";
import { damageReports } from "./damage.ts";
import { catalogHandlers } from "./events.ts";
import { findFfmpeg } from "./ffmpeg.ts";
import { mediaService } from "./media-service.ts";
import { packager } from "./packager.ts";
import { packagingStore } from "./packaging-store.ts";
import { runPackaging } from "./packaging-worker.ts";
import { playbackStore } from "./playback-store.ts";
import { qualityMetrics } from "./quality.ts";
import { queueService } from "./queue-service.ts";
import { QUEUE_CHANNEL, queueStore } from "./queue-store.ts";
import { playerService } from "./service.ts";
import { openStorage } from "./storage/storage.ts";
import { runSweeps } from "./sweep.ts";
import { trackStore } from "./track-store.ts";
import { tracks } from "./tracks.ts";

const MIGRATIONS = new URL("../migrations/", import.meta.url);

/** Wires the player: its stores, its packaging, its part in the events, and what it serves. */
export async function build(deps: ServiceDeps, config: PlayerConfig): Promise<readonly Served[]> {
  const { log, signal, clock } = deps;
  const ffmpeg = await findFfmpeg(config.ffmpeg);
  const { objects, workspaces } = await openStorage(config);
  const pool = openPool(config.databaseUrl, { log });
  deps.onStop("database", () => pool.end());
  deps.readiness("database", databaseReady(pool));
  await migrate(pool, MIGRATIONS, { signal });
  await eventMigrations(pool, { signal });

  const outbox = openOutbox({ ...deps, pool, service: deps.name });
  const catalog = deps.client(CatalogService);
  const copies = trackStore(pool);
  const jobs = packagingStore(pool);
  const audio = audioStore({ pool, objects, jobs, outbox });
  const playbacks = playbackStore(pool, outbox);
  const queues = queueStore(pool);

  const consumer = consume(
    { ...deps, pool, group: deps.name },
    catalogHandlers({ tracks: copies, jobs, audio }),
  );
  outbox.start();
  consumer.start();
  deps.onStop("events", () => Promise.all([outbox.stop(), consumer.stop()]));

  const work = Promise.all([
    runPackaging({
      ...deps,
      catalog,
      jobs,
      audio,
      workspaces,
      packager: packager(ffmpeg),
      workers: config.packagers,
    }),
    runSweeps({ log, signal, audio, workspaces, queues }),
  ]);
  deps.onStop("packaging", () => work);

  const feed = new VersionFeed({
    databaseUrl: config.databaseUrl,
    channel: QUEUE_CHANNEL,
    versions: queues.versions,
    log,
    signal,
  });
  const listening = feed.run();
  deps.onStop("queues", () => listening);

  return [
    serve(
      PlayerService,
      playerService({
        audio,
        objects,
        jobs,
        playbacks,
        tracks: tracks({ catalog, copies }),
        quality: qualityMetrics(deps.metrics),
        mediaKey: config.mediaKey,
        clock,
        draining: signal,
      }),
    ),
    serve(QueueService, queueService({ queues, copies, feed, clock, log, draining: signal })),
    serve(
      MediaService,
      mediaService({ objects, audio, damage: damageReports({ ...deps, audio }), mediaKey: config.mediaKey }),
    ),
  ];
}
