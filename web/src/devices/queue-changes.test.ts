import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import * as queues from "../player/queue.ts";
import { type ChangeInit, changesBetween } from "./queue-changes.ts";

const tracks = (titles: string) =>
  [...titles].map((title) => create(TrackSchema, { id: `trk_${title}`, title }));
const queueOf = (titles: string, index = 0) =>
  queues.replaceQueue(queues.emptyQueue, tracks(titles), index, "Album");

/** A change in words, entries named by their tracks' titles. */
function inWords({ items }: queues.Queue, more: queues.Queue) {
  const titles = new Map([...items, ...more.items].map(({ uid, track }) => [uid, track.title]));
  const placeInWords = (place: { place?: { value?: unknown } } | undefined) =>
    place === undefined ? "end" : (titles.get(String(place.place?.value)) ?? "front");
  return (change: ChangeInit): string => {
    switch (change.case) {
      case "insert": {
        const added = (change.value?.items ?? []).map(({ itemId }) => titles.get(itemId ?? ""));
        return `insert ${added.join("")} behind ${placeInWords(change.value?.place)}`;
      }
      case "move":
        return `move ${titles.get(change.value?.itemId ?? "")} behind ${placeInWords(change.value?.place)}`;
      case "remove":
        return `remove ${(change.value?.itemIds ?? []).map((uid) => titles.get(uid)).join("")}`;
      default:
        return change.case ?? "";
    }
  };
}

function said(before: queues.Queue, change: (queue: queues.Queue) => queues.Queue): string[] {
  const after = change(before);
  return changesBetween(before, after).map(inWords(before, after));
}

describe("what a listener does to a queue is said by names", () => {
  it.each<[string, queues.Queue, (queue: queues.Queue) => queues.Queue, string[]]>([
    ["adding", queueOf("ab"), (q) => queues.append(q, tracks("xy"), "Yours"), ["insert xy behind end"]],
    ["playing next", queueOf("abc"), (q) => queues.insertNext(q, tracks("x"), "Y"), ["insert x behind a"]],
    ["removing", queueOf("abc"), (q) => queues.removeItem(q, q.items[1]!.uid), ["remove b"]],
    ["clearing", queueOf("abcd", 1), queues.clearUpcoming, ["remove cd"]],
    ["moving down", queueOf("abcd"), (q) => queues.moveItem(q, 1, 3), ["move b behind d"]],
    ["moving up", queueOf("abcd"), (q) => queues.moveItem(q, 3, 1), ["move d behind a"]],
    ["moving to the front", queueOf("abc"), (q) => queues.moveItem(q, 2, 0), ["move c behind front"]],
    ["moving one down", queueOf("abc"), (q) => queues.moveItem(q, 0, 1), ["move a behind b"]],
    ["repeating", queueOf("ab"), queues.cycleRepeat, ["setRepeat"]],
    ["shuffling", queueOf("abcdefgh"), (q) => queues.setShuffle(q, true), ["setShuffle"]],
    [
      "playing something else",
      queueOf("abc"),
      (q) => queues.replaceQueue(q, tracks("xyz"), 1, "Other"),
      ["remove abc", "insert xyz behind end"],
    ],
    [
      "playing something else while shuffled",
      queues.setShuffle(queueOf("a"), true),
      (q) => queues.replaceQueue(q, tracks("xyz"), 1, "Other"),
      ["remove a", "insert xyz behind end", "move y behind front", "jump", "setShuffle"],
    ],
    ["doing nothing", queueOf("ab"), (q) => ({ ...q, index: 1 }), []],
  ])("%s", (_, before, change, expected) => {
    expect(said(before, change)).toEqual(expected);
  });
});
