import fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyChanges,
  type Change,
  EMPTY,
  itemsNamed,
  type Place,
  type Playlist,
  standing,
} from "./playlist.ts";

const AT_MS = 1_700_000_000_000;

function withItems(...ids: string[]): Playlist {
  const changes = ids.map(
    (id): Change => ({ kind: "add", itemId: id, trackId: `track-${id}`, place: "end" }),
  );
  return applyChanges({ ...EMPTY, name: "Road" }, changes, AT_MS).playlist;
}

function order(playlist: Playlist): string {
  return playlist.items.map((item) => item.itemId).join("");
}

function after(itemId: string): Place {
  return { after: itemId };
}

test.each<[string, Change, string]>([
  ["to the front", { kind: "move", itemId: "c", place: "front" }, "cab"],
  ["to the end", { kind: "move", itemId: "a", place: "end" }, "bca"],
  ["behind an item before it", { kind: "move", itemId: "c", place: after("a") }, "acb"],
  ["behind an item after it", { kind: "move", itemId: "a", place: after("b") }, "bac"],
  ["behind an item that is gone, which is the end", { kind: "move", itemId: "a", place: after("x") }, "bca"],
])("an item moves %s", (_, change, expected) => {
  expect(order(applyChanges(withItems("a", "b", "c"), [change], AT_MS).playlist)).toBe(expected);
});

test.each<[string, Change]>([
  ["moving an item that is gone", { kind: "move", itemId: "x", place: "front" }],
  ["removing an item that is gone", { kind: "remove", itemId: "x" }],
  ["moving an item behind itself", { kind: "move", itemId: "b", place: after("b") }],
  ["moving an item to where it is", { kind: "move", itemId: "b", place: after("a") }],
  ["a name that it has", { kind: "rename", name: "Road" }],
  ["a visibility that it has", { kind: "set_visibility", visibility: "private" }],
])("%s changes nothing and leaves no trace", (_, change) => {
  const before = withItems("a", "b", "c");
  expect(applyChanges(before, [change], AT_MS)).toEqual({ playlist: before, changes: [] });
});

test("what is logged says where an item really went", () => {
  const { changes } = applyChanges(
    withItems("a", "b"),
    [
      { kind: "add", itemId: "c", trackId: "t", place: after("gone") },
      { kind: "add", itemId: "d", trackId: "t", place: "front" },
      { kind: "move", itemId: "a", place: "end" },
    ],
    AT_MS,
  );
  expect(changes).toMatchObject([{ place: after("b") }, { place: "front" }, { place: after("c") }]);
});

test("a track may be in a playlist more than once, and one of its items is removed alone", () => {
  const twice = applyChanges(
    EMPTY,
    [
      { kind: "add", itemId: "a", trackId: "t", place: "end" },
      { kind: "add", itemId: "b", trackId: "t", place: "end" },
      { kind: "remove", itemId: "a" },
    ],
    AT_MS,
  ).playlist;
  expect(twice.items).toEqual([{ itemId: "b", trackId: "t", addedAtMs: AT_MS }]);
});

test("a change names the items that it moves, removes or goes behind", () => {
  expect(itemsNamed({ kind: "move", itemId: "a", place: after("b") })).toEqual(["a", "b"]);
  expect(itemsNamed({ kind: "move", itemId: "a", place: "front" })).toEqual(["a"]);
  expect(itemsNamed({ kind: "remove", itemId: "a" })).toEqual(["a"]);
  expect(itemsNamed({ kind: "rename", name: "x" })).toEqual([]);
});

test("to others a private playlist and a deleted one do not exist", () => {
  const playlist = { ownerId: "me", visibility: "private", deleted: false } as const;
  expect(standing(playlist, "me")).toBe("owner");
  expect(standing(playlist, "you")).toBe("hidden");
  expect(standing({ ...playlist, visibility: "public" }, "you")).toBe("reader");
  expect(standing({ ...playlist, visibility: "public", deleted: true }, "you")).toBe("hidden");
  expect(standing({ ...playlist, deleted: true }, "me")).toBe("hidden");
});

const id = fc.constantFrom(..."abcdefghijkl");
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.constant("front" as const),
  fc.constant("end" as const),
  id.map(after),
);
const edit: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("move" as const), itemId: id, place }),
  fc.record({ kind: fc.constant("remove" as const), itemId: id }),
  fc.record({ kind: fc.constant("rename" as const), name: fc.constantFrom("x", "y") }),
  fc.record({
    kind: fc.constant("set_visibility" as const),
    visibility: fc.constantFrom("private" as const, "public" as const),
  }),
);

/** Adds items of its own, named after the author, and edits any that were there at the start. */
function author(name: string): fc.Arbitrary<Change[]> {
  return fc.array(fc.oneof(edit, place), { maxLength: 15 }).map((steps) =>
    steps.map((step, index): Change => {
      if (typeof step === "object" && "kind" in step) return step;
      return { kind: "add", itemId: `${name}${index}`, trackId: "t", place: step };
    }),
  );
}

/** Two authors who work on the same revision, and one order in which their changes arrive. */
const race = fc
  .tuple(author("X"), author("Y"))
  .chain(([x, y]) =>
    fc
      .array(fc.boolean(), { minLength: x.length + y.length, maxLength: x.length + y.length })
      .map((turns) => ({ x, y, merged: interleave(x, y, turns) })),
  );

function interleave(x: readonly Change[], y: readonly Change[], turns: readonly boolean[]): Change[] {
  const left = [...x];
  const right = [...y];
  return turns.map((turn) => ((turn && left.length > 0) || right.length === 0 ? left : right).shift()!);
}

const SHARED = withItems("a", "b", "c", "d", "e", "f");

test("a replay of the log gives the snapshot, in whatever order concurrent changes arrived", () => {
  fc.assert(
    fc.property(race, ({ merged }) => {
      const { playlist, changes } = applyChanges(SHARED, merged, AT_MS);
      expect(applyChanges(SHARED, changes, AT_MS)).toEqual({ playlist, changes });
    }),
  );
});

test("no item is lost or doubled, in whatever order concurrent changes arrived", () => {
  fc.assert(
    fc.property(race, ({ x, y, merged }) => {
      const all = [...x, ...y];
      const wanted = new Set(SHARED.items.map((item) => item.itemId));
      for (const change of all) if (change.kind === "add") wanted.add(change.itemId);
      for (const change of all) if (change.kind === "remove") wanted.delete(change.itemId);
      const ids = applyChanges(SHARED, merged, AT_MS).playlist.items.map((item) => item.itemId);
      expect(ids.toSorted()).toEqual([...wanted].sort());
    }),
  );
});

test("changes in several steps come to the same as in one", () => {
  fc.assert(
    fc.property(race, fc.nat(30), ({ merged }, cut) => {
      const first = applyChanges(SHARED, merged.slice(0, cut), AT_MS);
      const second = applyChanges(first.playlist, merged.slice(cut), AT_MS);
      expect(second.playlist).toEqual(applyChanges(SHARED, merged, AT_MS).playlist);
    }),
  );
});
