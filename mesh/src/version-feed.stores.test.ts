import type pg from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { freshDatabase, until } from "../testing/index.ts";
import { openPool } from "./database.ts";
import { TooManyWatchersError, VersionFeed } from "./version-feed.ts";

let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: pg.Pool;
let stop: AbortController;
let feed: VersionFeed;
let running: Promise<void>;
const versions = new Map<string, bigint>();

beforeAll(async () => {
  database = await freshDatabase();
  pool = openPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

beforeEach(() => {
  stop = new AbortController();
  feed = new VersionFeed({
    databaseUrl: `${database.url}?application_name=feed`,
    channel: "test_version",
    versions: async (keys) =>
      new Map(keys.flatMap((key) => (versions.has(key) ? [[key, versions.get(key)!]] : []))),
    log: pino({ level: "silent" }),
    signal: stop.signal,
    maxWatchers: 3,
  });
  running = feed.run();
});
afterEach(async () => {
  stop.abort();
  await running;
});

async function change(key: string): Promise<void> {
  const version = (versions.get(key) ?? 0n) + 1n;
  versions.set(key, version);
  await pool.query("SELECT pg_notify('test_version', $1)", [`${version} ${key}`]);
}

const listening = () =>
  until(async () => {
    const { rows } = await pool.query(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'feed' AND query LIKE 'LISTEN%' AND state = 'idle'",
    );
    return rows[0]?.pid as number | undefined;
  });

test("a watcher hears the version at once, then each change by whoever made it", async () => {
  await listening();
  const watch = feed.watch("w1", stop.signal);
  expect((await watch.next()).value).toBe(0n);
  const next = watch.next();
  await change("w1");
  expect((await next).value).toBe(1n);
  await change("somebody else");
  const after = watch.next();
  await change("w1");
  expect((await after).value).toBe(2n);
});

test("a slow watcher gets only the newest version", async () => {
  await listening();
  const [slow, quick] = [feed.watch("w2", stop.signal), feed.watch("w2", stop.signal)];
  await slow.next();
  await quick.next();
  for (let n = 1n; n <= 4n; n++) {
    await change("w2");
    expect((await quick.next()).value).toBe(n);
  }
  expect((await slow.next()).value).toBe(4n);
});

test("what changed while the connection was away is told when it is back", async () => {
  const pid = await listening();
  const watch = feed.watch("w3", stop.signal);
  expect((await watch.next()).value).toBe(0n);
  const next = watch.next();
  await pool.query("SELECT pg_terminate_backend($1)", [pid]);
  await change("w3");
  expect((await next).value).toBe(1n);
  expect(await listening()).not.toBe(pid);
});

test("a watch ends with its signal and gives its place back", async () => {
  const leave = new AbortController();
  const watch = feed.watch("w4", leave.signal);
  await watch.next();
  const waiting = watch.next();
  expect(feed.watchers).toBe(1);
  leave.abort();
  expect((await waiting).done).toBe(true);
  expect(feed.watchers).toBe(0);
});

test("no more watchers are taken than the limit", async () => {
  const watches = [1, 2, 3].map((n) => feed.watch(`w5.${n}`, stop.signal));
  await Promise.all(watches.map((watch) => watch.next()));
  await expect(feed.watch("w5.4", stop.signal).next()).rejects.toThrow(TooManyWatchersError);
  await watches[0]?.return();
  expect((await feed.watch("w5.4", stop.signal).next()).value).toBe(0n);
});
