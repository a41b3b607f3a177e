import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Queue } from "./queue.ts";
import * as queues from "./queue.ts";

const track = (title: string) => create(TrackSchema, { id: `trk_${title}`, title });
const tracks = (titles: string) => [...titles].map(track);
const titles = (queue: Queue) => queue.items.map((item) => item.track.title).join("");
const current = (queue: Queue) => queues.currentItem(queue)?.track.title;
const playing = (all: string, start = 0) =>
  queues.replaceQueue(queues.emptyQueue, tracks(all), start, "Album");

/** Numbers that look random and are the same each time. */
function seeded(): () => number {
  let state = 7;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

describe("a queue", () => {
  it("plays from the track that was chosen, and keeps those before it", () => {
    const queue = playing("abcd", 2);
    expect([titles(queue), current(queue)]).toEqual(["abcd", "c"]);
  });

  it("takes the same track more than once, and tells the entries apart", () => {
    const queue = playing("aa");
    expect(new Set(queue.items.map((item) => item.uid)).size).toBe(2);
  });

  it("plays what is queued next before the rest, in the order it was given", () => {
    expect(titles(queues.insertNext(playing("abc"), tracks("xy"), "Yours"))).toBe("axybc");
  });

  it("plays a track as a part of its album only beside another one of it", () => {
    const of = (album: string, title: string) =>
      create(TrackSchema, { id: `trk_${title}`, title, album: { id: album } });
    const mixed = [of("x", "a"), of("x", "b"), of("y", "c"), of("x", "d"), track("e"), track("f")];
    const queue = queues.replaceQueue(queues.emptyQueue, mixed, 0, "Mix");
    const asAlbum = mixed.filter(({ id }) => queues.playsAsAlbum(queue, id)).map(({ title }) => title);
    expect(asAlbum).toEqual(["a", "b"]);
  });

  it("starts with what is appended to nothing", () => {
    const queue = queues.append(queues.emptyQueue, tracks("a"), "Yours");
    expect(current(queue)).toBe("a");
  });

  it("drops what comes next when it is cleared, and plays on", () => {
    const queue = queues.clearUpcoming(playing("abcd", 1));
    expect([titles(queue), current(queue)]).toEqual(["ab", "b"]);
  });
});

describe("next and previous", () => {
  it("stop at the ends", () => {
    expect(queues.nextIndex(playing("ab", 1), "auto")).toBeUndefined();
    expect(queues.previousIndex(playing("ab", 0))).toBeUndefined();
    expect(queues.nextIndex(queues.emptyQueue, "listener")).toBeUndefined();
  });

  it("go around when the queue repeats", () => {
    const repeating = queues.cycleRepeat(playing("abc", 2));
    expect(repeating.repeat).toBe("all");
    expect(queues.nextIndex(repeating, "auto")).toBe(0);
    expect(queues.previousIndex(queues.jumpTo(repeating, 0))).toBe(2);
  });

  it("repeat one track only when it ended by itself", () => {
    const one = queues.cycleRepeat(queues.cycleRepeat(playing("ab")));
    expect(one.repeat).toBe("one");
    expect(queues.nextIndex(one, "auto")).toBe(0);
    expect(queues.nextIndex(one, "listener")).toBe(1);
  });
});

describe("moving and removing", () => {
  it.each([
    [3, 1, "adbc"],
    [1, 3, "acdb"],
    [0, 2, "bcad"],
  ])("moves %d to %d, and the current track stays current", (from, to, expected) => {
    const queue = queues.moveItem(playing("abcd"), from, to);
    expect([titles(queue), current(queue)]).toEqual([expected, "a"]);
  });

  it("leaves the queue alone when a place is out of range", () => {
    const queue = playing("abc");
    expect(queues.moveItem(queue, 0, 3)).toBe(queue);
    expect(queues.moveItem(queue, 9, 0)).toBe(queue);
  });

  it("removes an entry before the current one without a jump", () => {
    const queue = playing("abc", 1);
    const removed = queues.removeItem(queue, queue.items[0]?.uid ?? "");
    expect([titles(removed), current(removed)]).toEqual(["bc", "b"]);
  });

  it("does not remove what plays", () => {
    const queue = playing("abc", 1);
    expect(queues.removeItem(queue, queue.items[1]?.uid ?? "")).toBe(queue);
  });
});

describe("shuffle", () => {
  it("mixes what comes next and leaves what was played", () => {
    const queue = queues.setShuffle(playing("abcdefgh", 2), true, seeded());
    expect(titles(queue).slice(0, 3)).toBe("abc");
    expect(titles(queue)).not.toBe("abcdefgh");
    expect([...titles(queue)].sort().join("")).toBe("abcdefgh");
  });

  it("is stable: going on and asking again does not mix anew", () => {
    const queue = queues.setShuffle(playing("abcdefgh"), true, seeded());
    expect(titles(queues.setShuffle(queues.jumpTo(queue, 3), true))).toBe(titles(queue));
  });

  it("ends with the order that was chosen, and the same track playing", () => {
    const mixed = queues.jumpTo(queues.setShuffle(playing("abcdefgh"), true, seeded()), 4);
    const restored = queues.setShuffle(mixed, false);
    expect([titles(restored), current(restored)]).toEqual(["abcdefgh", current(mixed)]);
  });

  it("keeps what was queued next behind the track it was queued behind", () => {
    const mixed = queues.insertNext(queues.setShuffle(playing("abcd"), true, seeded()), tracks("x"), "Yours");
    expect(titles(mixed).slice(0, 2)).toBe("ax");
    expect(titles(queues.setShuffle(mixed, false))).toBe("axbcd");
  });

  it("applies to the next queue too, which starts with the track that was chosen", () => {
    const on = queues.setShuffle(playing("ab"), true, seeded());
    const next = queues.replaceQueue(on, tracks("stuvwxyz"), 3, "Album", seeded());
    expect(current(next)).toBe("v");
    expect([...titles(next)].sort().join("")).toBe("stuvwxyz");
  });
});
