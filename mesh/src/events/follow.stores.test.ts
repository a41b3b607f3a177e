import { until } from "@antiphon/mesh/testing";
import {
  type TrackLiked,
  TrackLikedSchema,
  TrackUnlikedSchema,
} from "@antiphon/proto/antiphon/playlist/v1/events";
import { create, isMessage, toBinary } from "@bufbuild/protobuf";
import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withTransaction } from "../database.ts";
import { newId } from "../ids.ts";
import { toHeaders } from "./envelope.ts";
import { type EventRig, eventRig } from "./event-rig.fixture.ts";
import { EventError, event, exportCursor, follow, type ReadModel } from "./index.ts";

const liked = event(TrackLikedSchema);
let rig: EventRig;
beforeAll(async () => {
  rig = await eventRig();
  rig.outbox.start();
  await rig.pool.query("CREATE TABLE likes (listener text, track text, PRIMARY KEY (listener, track))");
});
afterAll(() => rig.close());

async function like(listenerId: string, trackId: string): Promise<void> {
  await withTransaction(rig.pool, async (tx) => {
    await tx.query("INSERT INTO likes VALUES ($1, $2)", [listenerId, trackId]);
    await rig.outbox.publish(tx, liked, create(TrackLikedSchema, { listenerId, trackId }));
  });
}

/** Past the outbox, with a number of its own. */
async function forge(listenerId: string, keySeq: bigint, payload: Uint8Array) {
  const headers = toHeaders({
    id: crypto.randomUUID(),
    type: liked.type,
    source: "/forged",
    key: listenerId,
    keySeq,
    at: new Date(),
  });
  await jetstream(rig.nc).publish(liked.subject(listenerId), payload, { headers });
}

/** A read model of who likes what; `duringLoad` runs after the export has been read. */
function likesModel(duringLoad: () => Promise<void> = async () => {}) {
  const likes = new Map<string, string[]>();
  const applied: string[] = [];
  let loads = 0;
  const model: ReadModel = {
    aggregates: ["playlist.likes"],
    async load(positions) {
      likes.clear();
      loads += 1;
      const sql = `SELECT listener, array_agg(track) AS tracks,
          (SELECT seq FROM event_key WHERE aggregate = 'playlist.likes' AND key = listener) AS key_seq
        FROM likes GROUP BY listener`;
      type Row = { listener: string; tracks: string[]; key_seq: string };
      for await (const row of exportCursor<Row>(rig.pool, sql)) {
        likes.set(row.listener, row.tracks);
        positions.set("playlist.likes", row.listener, BigInt(row.key_seq));
      }
      await duringLoad();
    },
    apply({ message, key, keySeq }) {
      if (!isMessage(message, TrackLikedSchema)) return;
      const { trackId }: TrackLiked = message;
      if (trackId === "poison") throw new Error("cannot be applied");
      likes.set(key, [...(likes.get(key) ?? []), trackId]);
      applied.push(`${key} ${keySeq} ${trackId}`);
    },
  };
  return { model, likes, applied, loads: () => loads };
}

test("a read model is loaded, and then follows", async () => {
  const listener = newId("lst");
  await like(listener, "t1");
  const { model, likes, loads } = likesModel();
  const follower = follow({ ...rig.deps, name: "likes" }, model);
  await follower.ready;
  expect(likes.get(listener)).toEqual(["t1"]);
  await like(listener, "t2");
  await until(() => likes.get(listener)?.length === 2);
  expect(loads()).toBe(1);
  expect(await rig.sample('follower_loads_total{consumer="likes"}')).toBe(1);
  await follower.stop();
});

test("what happens while it loads is applied once, whether the export held it or not", async () => {
  const early = newId("lst");
  const late = newId("lst");
  const { model, likes, applied } = likesModel(async () => {
    await like(late, "after the export");
    // The event of what the export held enters the stream only now, as it does when the relay is behind.
    await forge(
      early,
      1n,
      toBinary(TrackLikedSchema, create(TrackLikedSchema, { listenerId: early, trackId: "t" })),
    );
  });
  await rig.pool.query("INSERT INTO likes VALUES ($1, 't')", [early]);
  await rig.pool.query("INSERT INTO event_key VALUES ('playlist.likes', $1, 1)", [early]);
  const follower = follow({ ...rig.deps, name: "while-loading" }, model);
  await follower.ready;
  await until(() => likes.get(late));
  expect(likes.get(early)).toEqual(["t"]);
  expect(applied.filter((each) => each.startsWith(early) || each.startsWith(late))).toEqual([
    `${late} 1 after the export`,
  ]);
  await follower.stop();
});

test("every replica sees every event", async () => {
  const listener = newId("lst");
  const replicas = Array.from({ length: 3 }, () => likesModel());
  const followers = replicas.map(({ model }) => follow({ ...rig.deps, name: "replica" }, model));
  await Promise.all(followers.map(({ ready }) => ready));
  for (const track of ["t1", "t2", "t3"]) await like(listener, track);
  for (const { likes } of replicas) await until(() => likes.get(listener)?.length === 3);
  for (const { likes } of replicas) expect(likes.get(listener)).toEqual(["t1", "t2", "t3"]);
  await Promise.all(followers.map((follower) => follower.stop()));
});

test("a hole in a key that it knows makes it load again", async () => {
  const listener = newId("lst");
  await like(listener, "t1");
  const { model, likes, loads } = likesModel();
  const follower = follow({ ...rig.deps, name: "hole" }, model);
  await follower.ready;
  // The second event never reached the stream, but the owner has its effect.
  await rig.pool.query("INSERT INTO likes VALUES ($1, 't2')", [listener]);
  await rig.pool.query("UPDATE event_key SET seq = 2 WHERE key = $1", [listener]);
  await like(listener, "t3");
  await until(() => loads() === 2);
  await until(() => likes.get(listener)?.length === 3);
  expect(likes.get(listener)?.sort()).toEqual(["t1", "t2", "t3"]);
  expect(await rig.sample('event_gap_total{consumer="hole"}')).toBe(1);
  await follower.stop();
});

test.each([
  ["cannot be read", new Uint8Array([0x0a, 0xff, 0x01, 0x61])],
  ["cannot be applied", new Uint8Array([0x12, 0x06, ...new TextEncoder().encode("poison")])],
])("an event that %s makes it load once, and then it goes on", async (_, payload) => {
  const listener = newId("lst");
  const { model, likes, loads } = likesModel();
  const follower = follow({ ...rig.deps, name: "bad-event" }, model);
  await follower.ready;
  await forge(newId("lst"), 1n, payload);
  await until(() => loads() === 2);
  await like(listener, "afterwards");
  await until(() => likes.get(listener));
  expect(loads()).toBe(2);
  await follower.stop();
});

test("a load that fails is tried again, and it is not ready before", async () => {
  let loads = 0;
  let ready = false;
  const follower = follow(
    { ...rig.deps, name: "load-fails" },
    {
      aggregates: ["playlist.likes"],
      load() {
        loads += 1;
        expect(ready).toBe(false);
        if (loads < 3) throw new Error("the owner is away");
      },
      apply() {},
    },
  );
  await follower.ready.then(() => {
    ready = true;
  });
  expect(loads).toBe(3);
  await follower.stop();
});

test("an aggregate that no contract has is refused", () => {
  const model = { aggregates: ["playlist.lieks"], apply() {} };
  expect(() => follow({ ...rig.deps, name: "typo" }, model)).toThrow(EventError);
});

test("without a load it sees what comes, of every type of the aggregate", async () => {
  const listener = newId("lst");
  const seen: string[] = [];
  const follower = follow(
    { ...rig.deps, name: "cache" },
    {
      aggregates: ["playlist.likes"],
      apply: ({ type, key }) => void (key === listener && seen.push(type)),
    },
  );
  await follower.ready;
  await like(listener, "t1");
  await withTransaction(rig.pool, (tx) =>
    rig.outbox.publish(
      tx,
      event(TrackUnlikedSchema),
      create(TrackUnlikedSchema, { listenerId: listener, trackId: "t1" }),
    ),
  );
  await until(() => seen.length === 2);
  expect(seen).toEqual(["playlist.track_liked.v1", "playlist.track_unliked.v1"]);
  await follower.stop();
});
