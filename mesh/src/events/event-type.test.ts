import { TrackAddedSchema, TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { eventsOf } from "./event-catalog.ts";
import { thingEvents } from "./event-rig.fixture.ts";
import { EventError, event, PARTITIONS, partitionOf, siblings } from "./event-type.ts";

test("an event's type, aggregate, key and subject come from its contract", () => {
  const added = event(TrackAddedSchema);
  expect(added.type).toBe("playlist.track_added.v1");
  expect(added.aggregate).toBe("playlist.playlist");
  expect(added.key(create(TrackAddedSchema, { playlistId: "pl_1" }))).toBe("pl_1");
  expect(added.subject("pl_1")).toMatch(/^evt\.playlist\.track_added\.v1\.\d+$/);
  expect(added.filter).toBe("evt.playlist.track_added.v1.*");
});

test("a message without the event option is refused by name", () => {
  expect(() => event(thingEvents("plain").plain)).toThrow(EventError);
  expect(() => event(thingEvents("plain").plain)).toThrow(/plain\.Plain is no event/);
});

test("siblings are the events of the same aggregate, not those of another in the same file", () => {
  expect(siblings(event(TrackLikedSchema)).map(({ type }) => type)).toEqual([
    "playlist.track_liked.v1",
    "playlist.track_unliked.v1",
  ]);
});

test("events are found by aggregate in the contracts, and an unknown aggregate is told the known ones", () => {
  expect(eventsOf("catalog.track").map(({ type }) => type)).toContain("catalog.track_removed.v1");
  expect(() => eventsOf("catalog.trakc")).toThrow(/"catalog.trakc"; there are catalog.track, /);
});

test("the partition of a key never changes, since it is part of stored subjects", () => {
  expect(["a", "trk_1", "lst_ünïcode"].map(partitionOf)).toEqual([12, 12, 15]);
});

test("keys spread over every partition", () => {
  const partitions = new Set(Array.from({ length: 500 }, (_, i) => partitionOf(`key-${i}`)));
  expect(partitions.size).toBe(PARTITIONS);
});
