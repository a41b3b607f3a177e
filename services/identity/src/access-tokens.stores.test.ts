import { migrate, openPool } from "@antiphon/mesh";
import { freshDatabase, ManualClock, type TestDatabase } from "@antiphon/mesh/testing";
import { createLocalJWKSet, jwtVerify } from "jose";
import type pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AccessTokens, accessTokens } from "./access-tokens.ts";
import { ACCESS_TTL_MS } from "./sessions.ts";
import { KEY_LIFETIME_MS, SERVED_AHEAD_MS } from "./signing-keys.ts";

const LISTENER = { id: "lst_me", role: "listener" } as const;

let database: TestDatabase;
let pool: pg.Pool;
let clock: ManualClock;
let replicas: AccessTokens[];

beforeEach(async () => {
  database = await freshDatabase();
  pool = openPool(database.url);
  clock = new ManualClock();
  await migrate(pool, new URL("../migrations/", import.meta.url));
  replicas = [accessTokens(pool, clock), accessTokens(pool, clock)];
});
afterEach(async () => {
  if (!pool.ended) await pool.end();
  await database.drop();
});

const signAll = () => Promise.all(replicas.map((replica) => replica.issue(LISTENER)));

/** Checks tokens with the keys that each replica serves, and says which keys signed them. */
async function kidsOf(tokens: readonly { token: string }[]): Promise<Set<string | undefined>> {
  const kids = new Set<string | undefined>();
  for (const replica of replicas) {
    const keys = createLocalJWKSet(await replica.keySet());
    for (const { token } of tokens) {
      const { protectedHeader } = await jwtVerify(token, keys, { currentDate: new Date(clock.now()) });
      kids.add(protectedHeader.kid);
    }
  }
  return kids;
}

test("replicas that start together sign with one key", async () => {
  expect((await kidsOf(await signAll())).size).toBe(1);
});

test("the first key signs also for a replica whose clock was read before that key was made", async () => {
  const ahead = new ManualClock();
  ahead.advance(1);
  await accessTokens(pool, ahead).keySet();
  expect((await kidsOf(await signAll())).size).toBe(1);
});

test("a key is replaced after its time, and no token becomes invalid before its own", async () => {
  const [first] = await kidsOf(await signAll());

  clock.advance(KEY_LIFETIME_MS);
  expect(await kidsOf(await signAll())).toEqual(new Set([first]));
  for (const replica of replicas) expect((await replica.keySet()).keys).toHaveLength(2);

  clock.advance(SERVED_AHEAD_MS - 1000);
  const lastOfFirst = await signAll();
  clock.advance(1000);
  const [second] = await kidsOf(await signAll());
  expect(second).not.toBe(first);

  clock.advance(ACCESS_TTL_MS - 2000);
  expect(await kidsOf(lastOfFirst)).toEqual(new Set([first]));
});

test("a key that is of no use any more is dropped when the next one is made", async () => {
  await signAll();
  clock.advance(KEY_LIFETIME_MS);
  await signAll();
  clock.advance(SERVED_AHEAD_MS + KEY_LIFETIME_MS);
  await signAll();
  const { rows } = await pool.query("SELECT FROM signing_key");
  expect(rows).toHaveLength(2);
});

test("nothing private is served", async () => {
  for (const replica of replicas) {
    for (const key of (await replica.keySet()).keys) expect(key.d).toBeUndefined();
  }
});

test("while the database is away the keys known last are served", async () => {
  const tokens = await signAll();
  await pool.end();
  clock.advance(ACCESS_TTL_MS / 2);
  expect((await kidsOf(tokens)).size).toBe(1);
});
