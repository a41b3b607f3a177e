import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Author, applyChanges, type Change, EMPTY, type Queue } from "./queue.ts";
import { type Place, spliceBetween } from "./queue-order.ts";

const AT_MS = 1_700_000_000_000;
const HERE = new Set(["a-device", "b-device"]);

function by(deviceId: string, more: Partial<Author> = {}): Author {
  return { deviceId, baseVersion: 1, key: `key of ${deviceId}`, atMs: AT_MS, present: HERE, ...more };
}

const me = by("a-device");

function insert(ids: string, place: Place = "end"): Change {
  const items = [...ids].map((itemId) => ({ itemId, trackId: `track ${itemId}`, origin: "Album" }));
  return { kind: "insert", items, place };
}

function queueOf(ids: string, current = ids[0]): Queue {
  const inserted = applyChanges(EMPTY, [insert(ids)], me);
  return { ...inserted, currentId: current };
}

function order(queue: Queue): string {
  return queue.items.map(({ itemId }) => itemId).join("");
}

const remove = (ids: string): Change => ({ kind: "remove", itemIds: [...ids] });
const move = (itemId: string, place: Place): Change => ({ kind: "move", itemId, place });
const after = (itemId: string): Place => ({ after: itemId });
const jump = (itemId: string, fromItemId?: string): Change => ({ kind: "jump", itemId, fromItemId });
const play: Change = { kind: "set_playing", playing: true };
const shuffle: Change = { kind: "set_shuffle", shuffled: true };
const unshuffle: Change = { kind: "set_shuffle", shuffled: false };

test.each<[string, Change, string]>([
  ["an item is added at the end", insert("x"), "abcx"],
  ["items are added behind another, in their order", insert("xy", after("a")), "axybc"],
  ["an item is added at the front", insert("x", "front"), "xabc"],
  ["an item moves behind one after it", move("a", after("b")), "bac"],
  ["an item moves to the front", move("c", "front"), "cab"],
  ["an item moves to the end", move("a", "end"), "bca"],
  ["items are removed", remove("ac"), "b"],
])("%s", (_, change, expected) => {
  const queue = applyChanges(queueOf("abc", "b"), [change], me);
  expect(order(queue)).toBe(expected);
  expect(queue.version).toBe(2);
});

test.each<[string, Change]>([
  ["removing an item that is gone", remove("x")],
  ["moving an item that is gone", move("x", "front")],
  ["moving an item behind itself", move("b", after("b"))],
  ["moving an item to where it is", move("b", after("a"))],
  ["adding an item that is there", insert("b", "front")],
  ["jumping to an item that is gone", jump("x")],
  ["advancing from an item that is not the current one any more", jump("c", "a")],
  ["pausing what is paused", { kind: "set_playing", playing: false }],
  ["a repeat that it has", { kind: "set_repeat", repeat: "off" }],
  ["ending a shuffle that is not on", unshuffle],
])("%s changes nothing", (_, change) => {
  const before = queueOf("abc", "b");
  expect(applyChanges(before, [change], me)).toBe(before);
});

describe("changes made on an older version", () => {
  test("go where the item stood that they were to go behind", () => {
    const removed = applyChanges(queueOf("abcd"), [remove("bc")], me);
    expect(order(applyChanges(removed, [insert("x", after("c"))], me))).toBe("axd");
    const front = applyChanges(removed, [remove("a")], me);
    expect(order(applyChanges(front, [insert("x", after("c"))], me))).toBe("xd");
  });

  test("do not clear what their author did not see", () => {
    const added = applyChanges(queueOf("abc"), [insert("x", after("a"))], by("b-device"));
    expect(order(applyChanges(added, [{ kind: "clear", upcoming: true }], me))).toBe("ax");
    expect(order(applyChanges(added, [{ kind: "clear", upcoming: false }, insert("y")], me))).toBe("xy");
  });

  test("do not bring back what was removed", () => {
    const removed = applyChanges(queueOf("abc"), [remove("b")], me);
    expect(applyChanges(removed, [insert("b")], me)).toBe(removed);
  });
});

describe("the playhead", () => {
  test("is at the first item, paused, when a queue gets its first items", () => {
    const queue = applyChanges(EMPTY, [insert("ab")], me);
    expect(queue).toMatchObject({ currentId: "a", playhead: { playing: false, positionMs: 0 } });
  });

  test("jumps, and plays on the device that asks where none does", () => {
    const queue = applyChanges(queueOf("abc"), [jump("b")], me);
    const playhead = { deviceId: "a-device", anchor: me.key, playing: true, positionMs: 0, atMs: AT_MS };
    expect(queue).toMatchObject({ currentId: "b", playhead });
  });

  test("stays on its device when another one commands it", () => {
    const playing = applyChanges(queueOf("abc"), [jump("b")], me);
    const queue = applyChanges(playing, [jump("c")], by("b-device"));
    expect(queue).toMatchObject({
      currentId: "c",
      playhead: { deviceId: "a-device", anchor: "key of b-device" },
    });
  });

  test("is taken by who plays when its device is not there any more, and went no further since", () => {
    const playing = applyChanges(queueOf("abc"), [jump("b"), { kind: "seek", positionMs: 5_000 }], me);
    const later = by("b-device", { present: new Set(["b-device"]), atMs: AT_MS + 60_000 });
    expect(applyChanges(playing, [play], later).playhead).toMatchObject({
      deviceId: "b-device",
      playing: true,
      positionMs: 5_000,
    });
  });

  test("goes with the last of two who seek at once", () => {
    const playing = applyChanges(queueOf("ab"), [jump("a")], me);
    const first = applyChanges(playing, [{ kind: "seek", positionMs: 1_000 }], me);
    const second = applyChanges(first, [{ kind: "seek", positionMs: 2_000 }], by("b-device"));
    expect(second.playhead).toMatchObject({ positionMs: 2_000, anchor: "key of b-device" });
    expect(second.version).toBe(first.version + 1);
  });

  test("keeps the moment that it was paused at", () => {
    const playing = applyChanges(queueOf("ab"), [jump("a")], me);
    const pause: Change = { kind: "set_playing", playing: false };
    const paused = applyChanges(playing, [pause], by("b-device", { atMs: AT_MS + 3_000 }));
    expect(paused.playhead).toMatchObject({ playing: false, positionMs: 3_000 });
  });

  test("goes on with what follows when the current item is removed", () => {
    const playing = applyChanges(queueOf("abcd"), [jump("b")], me);
    expect(applyChanges(playing, [remove("bc")], me)).toMatchObject({
      currentId: "d",
      playhead: { playing: true },
    });
    expect(applyChanges(playing, [remove("bcd")], me)).toMatchObject({
      currentId: "a",
      playhead: { playing: false },
    });
    expect(applyChanges(playing, [remove("abcd")], me).currentId).toBeUndefined();
  });
});

describe("shuffle", () => {
  const many = "abcdefghijklmnopqrst";

  test("shuffles what is behind the current item; its end restores the listener's order", () => {
    const shuffled = applyChanges(queueOf(many, "c"), [shuffle], me);
    expect(order(shuffled).slice(0, 3)).toBe("abc");
    expect(order(shuffled)).not.toBe(many);
    expect([...order(shuffled)].sort().join("")).toBe(many);
    expect(order(applyChanges(shuffled, [unshuffle], me))).toBe(many);
  });

  test("keeps what was added meanwhile where the listener put it", () => {
    const changes = [shuffle, insert("xy", after("d")), remove("e"), unshuffle];
    expect(order(applyChanges(queueOf("abcdef"), changes, me))).toBe("abcdxyf");
  });

  test("is another one when it is asked for again, and the same for the same seed", () => {
    const first = applyChanges(queueOf(many), [shuffle], me);
    expect(order(applyChanges(queueOf(many), [shuffle], me))).toBe(order(first));
    expect(order(applyChanges(first, [shuffle], by("b-device")))).not.toBe(order(first));
  });
});

const START = queueOf("abcdefgh", "c");
const id = fc.constantFrom(..."abcdefgh", "never");
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.constantFrom<Place>("front", "end"),
  id.map((itemId) => after(itemId)),
);
const step: fc.Arbitrary<Change | Place> = fc.oneof(
  place,
  fc.record({ kind: fc.constant("move" as const), itemId: id, place }),
  fc.record({ kind: fc.constant("remove" as const), itemIds: fc.array(id, { maxLength: 3 }) }),
  fc.record({ kind: fc.constant("clear" as const), upcoming: fc.boolean() }),
  fc.record({
    kind: fc.constant("jump" as const),
    itemId: id,
    fromItemId: fc.option(id, { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("seek" as const), positionMs: fc.nat(1_000_000) }),
  fc.record({ kind: fc.constant("set_playing" as const), playing: fc.boolean() }),
  fc.record({ kind: fc.constant("set_shuffle" as const), shuffled: fc.boolean() }),
);

/** Commands of one device, all made on the version at the start; a bare place adds an item of its own there. */
function commands(device: string): fc.Arbitrary<{ change: Change; author: Author }[]> {
  return fc.array(step, { maxLength: 12 }).map((steps) =>
    steps.map((each, index) => {
      const key = `${device} ${index}`;
      const author = by(device, { key, atMs: AT_MS + index });
      if (typeof each === "object" && "kind" in each) return { author, change: each };
      const items = [{ itemId: key, trackId: "track", origin: "Album" }];
      return { author, change: { kind: "insert", items, place: each } };
    }),
  );
}

/** What two devices do at once, in one of the orders in which it may arrive. */
const race = fc
  .tuple(commands("a-device"), commands("b-device"), fc.infiniteStream(fc.boolean()))
  .map(([a, b, turns]) => {
    const left = [...a];
    const right = [...b];
    const merged = [];
    for (const turn of turns) {
      const next = ((turn && left.length > 0) || right.length === 0 ? left : right).shift();
      if (!next) break;
      merged.push(next);
    }
    return merged;
  });

function run(merged: readonly { change: Change; author: Author }[], from = START): Queue {
  return merged.reduce((queue, { change, author }) => applyChanges(queue, [change], author), from);
}

describe("whatever two devices do at once, in whatever order it arrives", () => {
  test("nothing that was added is lost, but what was removed by name", () => {
    fc.assert(
      fc.property(race, (merged) => {
        const added = merged.flatMap(({ change }) => (change.kind === "insert" ? change.items : []));
        const ids = run(merged).items.map(({ itemId }) => itemId);
        expect(added.map(({ itemId }) => itemId).filter((each) => !ids.includes(each))).toEqual([]);
      }),
    );
  });

  test("no item is there twice, and the current one is there while there are any", () => {
    fc.assert(
      fc.property(race, (merged) => {
        const queue = run(merged);
        const ids = queue.items.map(({ itemId }) => itemId);
        expect(new Set(ids).size).toBe(ids.length);
        if (ids.length > 0) expect(ids).toContain(queue.currentId);
        else expect(queue.currentId).toBeUndefined();
        if (queue.chosen) expect(queue.chosen.toSorted()).toEqual(ids.toSorted());
      }),
    );
  });

  test("a device that was told of only some versions comes to the same queue", () => {
    fc.assert(
      fc.property(race, fc.infiniteStream(fc.boolean()), (merged, told) => {
        let queue = START;
        let shown: Queue["items"] = START.items;
        const tell = () => {
          const splice = spliceBetween(shown, queue.items, ({ itemId }) => itemId);
          if (splice) shown = shown.toSpliced(splice.index, splice.removed, ...splice.inserted);
        };
        for (const { change, author } of merged) {
          queue = applyChanges(queue, [change], author);
          if (told.next().value) tell();
        }
        tell();
        expect(shown).toEqual(queue.items);
      }),
    );
  });

  test("a shuffle moves nothing before the current item, and adding keeps the others' order", () => {
    fc.assert(
      fc.property(race, place, (merged, where) => {
        const queue = run([...merged, { change: shuffle, author: me }]);
        const more = applyChanges(queue, [insert("N", where)], me);
        expect(order(more).replace("N", "")).toBe(order(queue));
      }),
    );
  });
});
