import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { backing, freshDatabase, until } from "@antiphon/mesh/testing";
import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TransactionTimeout, withTransaction } from "../database.ts";
import { colorOf, type EventRig, eventRig, thingEvents } from "./event-rig.fixture.ts";
import { consume, event, on } from "./index.ts";

let rig: EventRig;
let database: { url: string; drop(): Promise<void> };
beforeAll(async () => {
  database = await freshDatabase();
  rig = await eventRig({ databaseUrl: database.url });
  rig.outbox.start();
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

const parkedKeys = async (consumer: string): Promise<string[]> => {
  const { rows } = await rig.pool.query<{ key: string }>(
    "SELECT key FROM inbox_position WHERE consumer = $1 AND parked_at IS NOT NULL",
    [consumer],
  );
  return rows.map(({ key }) => key);
};

test("a transaction over its time is given up, whether its query hangs or its own work", async () => {
  const hanging = withTransaction(rig.pool, () => new Promise(() => {}), { timeoutMs: 50 });
  await expect(hanging).rejects.toThrow(TransactionTimeout);
  const asleep = withTransaction(rig.pool, (tx) => tx.query("SELECT pg_sleep(60)"), { timeoutMs: 50 });
  await expect(asleep).rejects.toThrow(/took longer than 50 ms|statement timeout/);
  const sleepers =
    "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
  await until(async () => (await rig.pool.query(`${sleepers} AND state = 'active'`)).rowCount === 0);
});

test.each(["never resolves", "waits in a query"])(
  "a handler that hangs (%s) fails after its time, and its key is parked while others go on",
  async (how) => {
    const things = thingEvents();
    const group = how.replaceAll(" ", "-");
    const seen: string[] = [];
    const settings = { group, timeoutMs: 100, retryMs: 1, maxAttempts: 2, concurrency: 2 };
    const consumer = consume({ ...rig.deps, ...settings }, [
      on(things.made, async (message, { tx, key }) => {
        if (colorOf(things.made, message) === "hang") {
          await (how === "never resolves" ? new Promise(() => {}) : tx.query("SELECT pg_sleep(60)"));
        }
        seen.push(key);
      }),
    ]);
    consumer.start();
    await rig.publish(things.made, "sick", "hang");
    await rig.publish(things.made, "healthy");
    await until(() => seen.length === 1);
    await until(async () => (await parkedKeys(group)).length === 1);
    expect([seen, await parkedKeys(group)]).toEqual([["healthy"], ["sick"]]);
    await consumer.stop();
  },
);

test("an event that kills the process each time is parked after its attempts, and other keys go on", async () => {
  const script = `
    import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
    import { connect } from "@nats-io/transport-node";
    import { pino } from "pino";
    import { Registry } from "prom-client";
    import { consume, on } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    import { openPool } from ${JSON.stringify(new URL("../database.ts", import.meta.url).href)};
    const nc = await connect({ servers: process.env.NATS_URL });
    const deps = { pool: openPool(process.env.DATABASE_URL), nats: async () => nc, log: pino({ level: "silent" }),
      metrics: new Registry(), signal: new AbortController().signal };
    consume({ ...deps, group: "killer", maxAttempts: 2, ackWaitMs: 500 }, [
      on(TrackLikedSchema, async ({ trackId, listenerId }, { tx }) => {
        if (trackId === "kill") process.kill(process.pid, "SIGKILL");
        await tx.query("INSERT INTO survived VALUES ($1)", [listenerId]);
      }),
    ]).start();`;
  const start = (): ChildProcess =>
    spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      env: { ...process.env, NATS_URL: backing().natsUrl, DATABASE_URL: database.url },
      stdio: ["ignore", "ignore", "inherit"],
    });
  await rig.pool.query("CREATE TABLE survived (key text)");
  const like = (listenerId: string, trackId: string) =>
    withTransaction(rig.pool, (tx) =>
      rig.outbox.publish(tx, event(TrackLikedSchema), create(TrackLikedSchema, { listenerId, trackId })),
    );
  await like("lst_killer", "kill");
  await like("lst_killer", "behind it");
  await like("lst_bystander", "trk");
  let deaths = 0;
  let child = start();
  const keepAlive = async () => {
    for (;;) {
      const [, signal] = await once(child, "exit");
      if (signal !== "SIGKILL" || stopped) return;
      deaths += 1;
      child = start();
    }
  };
  let stopped = false;
  const alive = keepAlive();
  try {
    await until(async () => (await parkedKeys("killer")).length === 1, {
      timeoutMs: 90_000,
      what: "a parked key",
    });
    await until(
      async () => (await rig.pool.query("SELECT FROM survived WHERE key = 'lst_bystander'")).rowCount === 1,
    );
  } finally {
    stopped = true;
    child.kill("SIGKILL");
    await alive;
  }
  // The first delivery is not counted beforehand: three deaths at two attempts.
  expect([deaths, await parkedKeys("killer")]).toEqual([3, ["lst_killer"]]);
}, 120_000);
