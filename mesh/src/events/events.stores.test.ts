import { backing, freshDatabase, type TestDatabase, until } from "@antiphon/mesh/testing";
import { TrackImportedSchema, TrackRemovedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import { create } from "@bufbuild/protobuf";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPool, withTransaction } from "../database.ts";
import { consume, event, eventMigrations, on, openOutbox } from "./index.ts";

let db: TestDatabase;
let nc: NatsConnection;
beforeAll(async () => {
  db = await freshDatabase();
  nc = await connect({ servers: backing().natsUrl });
});
afterAll(async () => {
  await nc.close();
  await db.drop();
});

test("smoke", async () => {
  const pool = openPool(db.url);
  await eventMigrations(pool);
  const log = pino({ level: "debug" });
  const metrics = new Registry();
  const stop = new AbortController();
  const deps = { pool, nats: async () => nc, log, metrics, signal: stop.signal };
  const outbox = openOutbox({ ...deps, service: "catalog" });
  outbox.start();
  const seen: string[] = [];
  const consumer = consume({ ...deps, group: "smoke" }, [
    on(TrackImportedSchema, (m, { keySeq }) => void seen.push(`imported ${m.trackId} ${keySeq}`)),
    on(TrackRemovedSchema, (m, { keySeq }) => void seen.push(`removed ${m.trackId} ${keySeq}`)),
  ]);
  consumer.start();
  await withTransaction(pool, async (tx) => {
    await outbox.publish(tx, event(TrackImportedSchema), create(TrackImportedSchema, { trackId: "t1" }));
    await outbox.publish(tx, event(TrackRemovedSchema), create(TrackRemovedSchema, { trackId: "t1" }));
  });
  await until(() => seen.length === 2);
  expect(seen).toEqual(["imported t1 1", "removed t1 2"]);
  await consumer.stop();
  await outbox.stop();
  console.log(await metrics.metrics());
  await pool.end();
});
