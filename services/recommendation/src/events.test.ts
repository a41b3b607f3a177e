import { event } from "@antiphon/mesh/events";
import { ManualClock } from "@antiphon/mesh/testing";
import { TrackRemovedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import {
  PlaybackEndedSchema,
  PlaybackQualifiedSchema,
  PlaybackSkippedSchema,
} from "@antiphon/proto/antiphon/player/v1/events";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { PoolClient } from "pg";
import { beforeEach, expect, test } from "vitest";
import { recommendationEvents } from "./events.ts";
import type { Signal } from "./signal.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const clock = new ManualClock(NOW_MS);
const tx = {} as PoolClient;
let observed: Signal[];
let removed: [string, bigint][];

const handlers = recommendationEvents({
  clock,
  taste: {
    observe: async (_tx, signal) => observed.push(signal) > 0,
    withdraw: async () => true,
  },
  known: {
    put: async () => {},
    remove: async (id, keySeq) => void removed.push([id, keySeq]),
  },
});
beforeEach(() => {
  observed = [];
  removed = [];
});

async function handle<S extends DescMessage>(schema: S, init: MessageInitShape<S>): Promise<void> {
  const { type } = event(schema);
  const handler = handlers.find((each) => each.type.type === type);
  const at = new Date(NOW_MS - 5000);
  const envelope = { id: "e", type, source: "/test", key: "k", keySeq: 7n, at };
  await handler?.apply([{ envelope, message: create(schema, init) }], tx);
}
const playback = { listenerId: "l", trackId: "t", playbackId: "pb" };

test("what qualified is heard; an end alone is not, since a listener can leap to it", async () => {
  await handle(PlaybackEndedSchema, playback);
  expect(observed).toEqual([]);
  await handle(PlaybackQualifiedSchema, { ...playback, at: timestampFromMs(NOW_MS - 9000) });
  await handle(PlaybackEndedSchema, playback);
  expect(observed).toEqual([
    { listenerId: "l", trackId: "t", kind: "heard", source: "pb", atMs: NOW_MS - 9000 },
  ]);
});

test("a time ahead of our clock counts as now", async () => {
  await handle(PlaybackQualifiedSchema, { ...playback, at: timestampFromMs(Date.UTC(2099, 0, 1)) });
  expect(observed).toMatchObject([{ atMs: NOW_MS }]);
});

test("a stop is a skip in the first thirty seconds only", async () => {
  await handle(PlaybackSkippedSchema, { ...playback, positionMs: 29_999 });
  await handle(PlaybackSkippedSchema, { ...playback, positionMs: 30_000 });
  expect(observed).toMatchObject([{ kind: "skipped" }]);
});

test("a removed track is forgotten as of its event", async () => {
  await handle(TrackRemovedSchema, { trackId: "t" });
  expect(removed).toEqual([["t", 7n]]);
});
