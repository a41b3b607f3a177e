import { describe, expect, it } from "vitest";
import { afterItemId, moved } from "./playlist-edits.ts";

const items = ["a", "b", "c", "d"].map((itemId) => ({ itemId }));
const ids = (list: readonly { itemId: string }[]) => list.map((item) => item.itemId).join("");

describe("moving an item of a playlist", () => {
  it.each([
    [0, 3, "d", "bcda"],
    [3, 0, "", "dabc"],
    [1, 2, "c", "acbd"],
    [2, 1, "a", "acbd"],
  ])("from %d to %d puts it behind “%s”", (from, to, after, order) => {
    expect(afterItemId(items, from, to)).toBe(after);
    expect(ids(moved(items, from, to))).toBe(order);
  });

  it("leaves the list as it is when a place is out of range", () => {
    expect(ids(moved(items, 0, 4))).toBe("abcd");
    expect(ids(moved(items, 9, 0))).toBe("abcd");
  });
});
