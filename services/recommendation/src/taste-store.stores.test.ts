import { withTransaction } from "@antiphon/mesh";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { knownTrackStore } from "./known-track-store.ts";
import { recommendationDatabase, track } from "./recommendation.fixture.ts";
import { type Signal, SKIP_REST_MS } from "./signal.ts";
import { type TasteStore, tasteStore } from "./taste-store.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
let database: Awaited<ReturnType<typeof recommendationDatabase>>;
let taste: TasteStore;
let moment = 0;

beforeAll(async () => {
  database = await recommendationDatabase();
  taste = tasteStore(database.pool);
});
afterAll(() => database.close());

/** One more signal, a second after the one before it, of a source of its own. */
function observe(signal: Pick<Signal, "listenerId" | "trackId"> & Partial<Signal>): Promise<boolean> {
  moment += 1000;
  const whole: Signal = { kind: "heard", source: `source ${moment}`, atMs: NOW_MS + moment, ...signal };
  return withTransaction(database.pool, (tx) => taste.observe(tx, whole));
}
const versionOf = async (listenerId: string) => (await taste.versions([listenerId])).get(listenerId);
const recentOf = (listenerId: string) => taste.recent(listenerId, NOW_MS + moment);

describe("what a listener did", () => {
  test("each effective signal makes a new version", async () => {
    expect(await versionOf("l1")).toBeUndefined();
    expect(await observe({ listenerId: "l1", trackId: "a" })).toBe(true);
    expect(await observe({ listenerId: "l1", trackId: "b", kind: "skipped" })).toBe(true);
    expect(await versionOf("l1")).toBe(2n);
  });

  test("one playback counts once, qualified and ended", async () => {
    expect(await observe({ listenerId: "l2", trackId: "a", source: "pb" })).toBe(true);
    expect(await observe({ listenerId: "l2", trackId: "a", source: "pb" })).toBe(false);
    expect(await versionOf("l2")).toBe(1n);
    expect(await observe({ listenerId: "l2", trackId: "a", source: "pb of the next day" })).toBe(true);
  });

  test("the latest likes come first, each track once, at most twenty", async () => {
    for (let n = 0; n < 25; n++) await observe({ listenerId: "l3", trackId: `t${n}` });
    await observe({ listenerId: "l3", trackId: "t20", kind: "liked" });
    const { positives } = await recentOf("l3");
    expect(positives).toHaveLength(20);
    expect(positives.slice(0, 2)).toEqual([
      { trackId: "t20", kind: "liked" },
      { trackId: "t24", kind: "heard" },
    ]);
  });

  test("a skip rests for two weeks, unless the track is liked after all", async () => {
    await observe({ listenerId: "l4", trackId: "a", kind: "skipped" });
    await observe({ listenerId: "l4", trackId: "b", kind: "skipped" });
    expect((await recentOf("l4")).skippedIds).toEqual(["b", "a"]);
    await observe({ listenerId: "l4", trackId: "a" });
    expect((await recentOf("l4")).skippedIds).toEqual(["b"]);
    expect((await taste.recent("l4", NOW_MS + moment + SKIP_REST_MS)).skippedIds).toEqual([]);
  });

  test("a playback that counted is not skipped by what comes after", async () => {
    await observe({ listenerId: "l5", trackId: "a", source: "pb" });
    expect(await observe({ listenerId: "l5", trackId: "a", source: "pb", kind: "skipped" })).toBe(false);
    expect((await recentOf("l5")).skippedIds).toEqual([]);
  });

  test("what is taken back is no like any more, and makes a new version only where there was one", async () => {
    const like = { listenerId: "l6", trackId: "a", kind: "liked", source: "likes" } as const;
    const withdraw = () => withTransaction(database.pool, (tx) => taste.withdraw(tx, like));
    expect(await withdraw()).toBe(false);
    await observe(like);
    expect(await withdraw()).toBe(true);
    expect(await recentOf("l6")).toEqual({ positives: [], skippedIds: [] });
    expect(await versionOf("l6")).toBe(2n);
  });

  test("no more than the latest 200 signals are kept", async () => {
    for (let n = 0; n < 210; n++) await observe({ listenerId: "l7", trackId: `t${n}` });
    const { rows } = await database.pool.query("SELECT 1 FROM listener_signal WHERE listener_id = 'l7'");
    expect(rows.length).toBeLessThanOrEqual(201);
  });
});

describe("what the model has learnt", () => {
  test("tracks heard one after the other go together, both ways", async () => {
    const [a, b, unknown] = [track("Alpha"), track("Beta"), track("Never imported")];
    await knownTrackStore(database.pool).put(
      [a, b].map((each) => ({ track: each, keySeq: 1n, importedAtMs: 0 })),
    );
    for (const each of [a, b, unknown]) await observe({ listenerId: "l10", trackId: each.id });
    expect(await taste.neighbours([a.id])).toMatchObject([{ seedId: a.id, trackId: b.id }]);
    expect(await taste.neighbours([b.id])).toMatchObject([{ seedId: b.id, trackId: a.id }]);
    expect(await taste.popular(10)).toEqual([b.id, a.id]);
    expect(await taste.popular(10, [a.id])).toEqual([b.id]);
  });

  test("the same signals make the same weights in another database", async () => {
    const other = await recommendationDatabase();
    try {
      const signals = ["x", "y", "x", "z", "y"].map((trackId, n) => ({
        listenerId: "l11",
        trackId,
        kind: n === 3 ? ("skipped" as const) : ("heard" as const),
        source: `pb${n}`,
        atMs: NOW_MS + n,
      }));
      const weights = [];
      for (const pool of [database.pool, other.pool]) {
        for (const signal of signals)
          await withTransaction(pool, (tx) => tasteStore(pool).observe(tx, signal));
        const { rows } = await pool.query(
          "SELECT * FROM pair_weight WHERE track_id IN ('x', 'y', 'z') ORDER BY track_id, other_id",
        );
        weights.push(rows);
      }
      expect(weights[0]).toHaveLength(6);
      expect(weights[0]).toEqual(weights[1]);
    } finally {
      await other.close();
    }
  });

  test("listeners who hear the same tracks at the same time do not lose a signal", async () => {
    const listeners = ["m1", "m2", "m3", "m4", "m5", "m6"];
    await Promise.all(
      listeners.map(async (listenerId, n) => {
        const tracks = ["p", "q", "r", "s"];
        for (const trackId of n % 2 ? tracks : tracks.reverse()) await observe({ listenerId, trackId });
      }),
    );
    const versions = await taste.versions(listeners);
    expect([...versions.values()]).toEqual(listeners.map(() => 4n));
  });
});
