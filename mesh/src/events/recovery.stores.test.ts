import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@antiphon/mesh/testing";
import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import {
  type NatsServer,
  type PostgresServer,
  startNats,
  startPostgres,
} from "@antiphon/test/src/servers.ts";
import { create } from "@bufbuild/protobuf";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { withTransaction } from "../database.ts";
import { type EventRig, eventRig } from "./event-rig.fixture.ts";
import { consume, EVENTS, event, follow, on } from "./index.ts";

let dir: string;
let nats: NatsServer;
let postgres: PostgresServer;
let rig: EventRig;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-events-"));
  [nats, postgres] = await Promise.all([
    startNats({ dir: join(dir, "nats") }),
    startPostgres({ dir: join(dir, "postgres") }),
  ]);
});
afterAll(async () => {
  await Promise.all([nats.kill(), postgres.kill()]);
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  rig = await eventRig({ natsUrl: nats.url, databaseUrl: postgres.url });
  await rig.pool.query(
    "CREATE TABLE IF NOT EXISTS applied (n bigint GENERATED ALWAYS AS IDENTITY, key text, key_seq bigint)",
  );
  await rig.pool.query("TRUNCATE applied, event_key, outbox, outbox_sent, inbox, inbox_position");
  const manager = await jetstreamManager(rig.nc);
  await manager.streams.delete(EVENTS).catch(() => {});
});
afterEach(() => rig.close());

const keys = Array.from({ length: 20 }, (_, i) => `lst_${i}`);

async function like(listenerId: string, trackId = "trk"): Promise<void> {
  await withTransaction(rig.pool, (tx) =>
    rig.outbox.publish(tx, event(TrackLikedSchema), create(TrackLikedSchema, { listenerId, trackId })),
  );
}

/** Writes without a pause until told to stop; says how many of its transactions failed. */
function keepWriting() {
  let stopped = false;
  let written = 0;
  let failed = 0;
  const writers = Array.from({ length: 2 }, async (_, writer) => {
    for (let i = writer; !stopped; i += 2) {
      await like(keys[i % keys.length]!).then(
        () => (written += 1),
        () => (failed += 1),
      );
    }
  });
  return {
    written: () => written,
    async stop(): Promise<number> {
      stopped = true;
      await Promise.all(writers);
      return failed;
    },
  };
}

/** A consumer and a follower of everything that is written. */
function readers() {
  const consumer = consume({ ...rig.deps, group: "recovery", ackWaitMs: 2_000 }, [
    on(TrackLikedSchema, async (_, { tx, key, keySeq }) => {
      await tx.query("INSERT INTO applied (key, key_seq) VALUES ($1, $2)", [key, String(keySeq)]);
    }),
  ]);
  consumer.start();
  const positions = new Map<string, bigint>();
  const follower = follow(
    { ...rig.deps, name: "recovery" },
    {
      aggregates: ["playlist.likes"],
      async load(loaded) {
        const { rows } = await rig.pool.query<{ key: string; seq: string }>("SELECT key, seq FROM event_key");
        for (const { key, seq } of rows) {
          positions.set(key, BigInt(seq));
          loaded.set("playlist.likes", key, BigInt(seq));
        }
      },
      apply: ({ key, keySeq }) => void positions.set(key, keySeq),
    },
  );
  return { consumer, follower, positions };
}

/** What was committed, against what was applied. */
async function compare() {
  const { rows } = await rig.pool.query<{ committed: number; applied: number; inversions: number }>(
    `SELECT (SELECT coalesce(sum(seq), 0)::int FROM event_key) AS committed,
            count(*)::int AS applied,
            count(*) FILTER (WHERE key_seq <> place)::int AS inversions
     FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY n) AS place FROM applied) a`,
  );
  return rows[0]!;
}

async function expectAllAppliedOnceInOrder(positions: ReadonlyMap<string, bigint>): Promise<void> {
  await until(
    async () => {
      const { committed, applied } = await compare();
      return applied >= committed;
    },
    { timeoutMs: 90_000, what: "every committed event applied" },
  );
  const { committed, applied, inversions } = await compare();
  expect(committed).toBeGreaterThan(0);
  expect({ applied, inversions }).toEqual({ applied: committed, inversions: 0 });
  const { rows } = await rig.pool.query<{ key: string; seq: string }>("SELECT key, seq FROM event_key");
  await until(() => rows.every(({ key, seq }) => positions.get(key) === BigInt(seq)), {
    timeoutMs: 20_000,
    what: "a follower that has seen everything",
  });
}

test("NATS killed and started again: writers never notice, nothing is lost, doubled or out of order", async () => {
  rig.outbox.start();
  const { consumer, follower, positions } = readers();
  const writing = keepWriting();
  for (let round = 0; round < 2; round++) {
    const before = writing.written();
    await until(() => writing.written() > before + 200);
    await nats.kill();
    await until(() => writing.written() > before + 400);
    await nats.restart();
  }
  expect(await writing.stop()).toBe(0);
  await expectAllAppliedOnceInOrder(positions);
  await Promise.all([consumer.stop(), follower.stop()]);
}, 180_000);

test("NATS frozen for some seconds: readers subscribe again, nothing is lost or doubled", async () => {
  rig.outbox.start();
  const { consumer, follower, positions } = readers();
  const writing = keepWriting();
  await until(() => writing.written() > 100);
  process.kill(nats.pid, "SIGSTOP");
  try {
    // Two heartbeats of a second are missed, and publishing times out after two.
    const thawAt = performance.now() + 5_000;
    await until(() => performance.now() > thawAt);
  } finally {
    process.kill(nats.pid, "SIGCONT");
  }
  expect(await writing.stop()).toBe(0);
  await expectAllAppliedOnceInOrder(positions);
  await Promise.all([consumer.stop(), follower.stop()]);
}, 180_000);

test("PostgreSQL killed and started again: what was committed is applied once and in order", async () => {
  rig.outbox.start();
  const { consumer, follower, positions } = readers();
  const writing = keepWriting();
  await until(() => writing.written() > 200);
  await postgres.kill();
  await postgres.restart();
  const before = writing.written();
  await until(() => writing.written() > before + 200, { timeoutMs: 30_000 });
  await writing.stop();
  await expectAllAppliedOnceInOrder(positions);
  await Promise.all([consumer.stop(), follower.stop()]);
}, 180_000);

test("relays killed in the middle of their work leave no hole and no second effect", async () => {
  const script = `
    import { connect } from "@nats-io/transport-node";
    import { pino } from "pino";
    import { Registry } from "prom-client";
    import { openOutbox } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    import { openPool } from ${JSON.stringify(new URL("../database.ts", import.meta.url).href)};
    const nc = await connect({ servers: process.env.NATS_URL });
    const { signal } = new AbortController();
    const pool = openPool(process.env.DATABASE_URL);
    const deps = { pool, nats: async () => nc, log: pino({ level: "silent" }), metrics: new Registry(), signal };
    openOutbox({ ...deps, service: "test" }).start();`;
  const start = (): ChildProcess =>
    spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      env: { ...process.env, NATS_URL: nats.url, DATABASE_URL: postgres.url },
      stdio: ["ignore", "ignore", "inherit"],
    });
  const { consumer, follower, positions } = readers();
  const writing = keepWriting();
  const messages = async () => (await (await jetstreamManager(rig.nc)).streams.info(EVENTS)).state.messages;
  let relay = start();
  try {
    for (let kills = 0; kills < 3; kills++) {
      const before = await until(messages, { timeoutMs: 20_000 });
      await until(async () => (await messages()) > before + 50, { timeoutMs: 20_000 });
      relay.kill("SIGKILL");
      await once(relay, "exit");
      relay = start();
    }
    await writing.stop();
    await expectAllAppliedOnceInOrder(positions);
  } finally {
    relay.kill("SIGKILL");
  }
  await Promise.all([consumer.stop(), follower.stop()]);
}, 180_000);

test("a read model that was behind when the stream was purged is loaded again", async () => {
  rig.outbox.start();
  const gate = Promise.withResolvers<void>();
  const seen = new Set<string>();
  let loads = 0;
  const follower = follow(
    { ...rig.deps, name: "purged" },
    {
      aggregates: ["playlist.likes"],
      async load(positions) {
        loads += 1;
        const { rows } = await rig.pool.query<{ key: string; seq: string }>("SELECT key, seq FROM event_key");
        for (const { key, seq } of rows) {
          seen.add(key);
          positions.set("playlist.likes", key, BigInt(seq));
        }
      },
      async apply({ key }) {
        await gate.promise;
        seen.add(key);
      },
    },
  );
  await follower.ready;
  for (let i = 0; i < 300; i++) await like(`lst_purge_${i}`);
  await until(async () => (await rig.pool.query("SELECT FROM outbox")).rowCount === 0);
  await (await jetstreamManager(rig.nc)).streams.purge(EVENTS);
  gate.resolve();
  await until(() => seen.size === 300, { timeoutMs: 20_000 });
  expect(loads).toBe(2);
  await like("lst_after");
  await until(() => seen.has("lst_after"));
  await follower.stop();
});

test("a broker that lost its disk gets its streams again, and everybody goes on", async () => {
  rig.outbox.start();
  const { consumer, follower, positions } = readers();
  await like("lst_before");
  await until(async () => (await compare()).applied === 1);
  await follower.ready;
  await nats.kill();
  await rm(join(dir, "nats", "jetstream"), { recursive: true });
  await like("lst_before");
  await nats.restart();
  await like("lst_after");
  await expectAllAppliedOnceInOrder(positions);
  await Promise.all([consumer.stop(), follower.stop()]);
}, 120_000);

test("what a broker held when it lost its disk is sent again, in front of what came since", async () => {
  rig.outbox.start();
  for (let i = 0; i < 50; i++) await like(keys[i % keys.length]!);
  const sent = async () => (await rig.pool.query("SELECT FROM outbox")).rowCount === 0;
  await until(sent);
  await nats.kill();
  await rm(join(dir, "nats", "jetstream"), { recursive: true });
  for (const key of keys) await like(key);
  await nats.restart();
  const { consumer, follower, positions } = readers();
  await expectAllAppliedOnceInOrder(positions);
  await Promise.all([consumer.stop(), follower.stop()]);
}, 120_000);

test("services that start before NATS wait for it", async () => {
  await nats.kill();
  const late = rig;
  late.outbox.start();
  const { consumer, follower, positions } = readers();
  await like("lst_early");
  await nats.restart();
  await expectAllAppliedOnceInOrder(positions);
  await Promise.all([consumer.stop(), follower.stop()]);
}, 120_000);
