import type { LoggedChange } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newKey, type PlaylistBed, playlistBed } from "../testing/bed.ts";

let bed: PlaylistBed;

beforeAll(async () => {
  bed = await playlistBed();
});
afterAll(() => bed.stop());

/** What a client that only follows the log sees: every place in it is taken by its word. */
function replay(log: readonly LoggedChange[]): string[] {
  const items: string[] = [];
  const put = (itemId: string, after: string) => {
    if (after !== "") expect(items).toContain(after);
    items.splice(after === "" ? 0 : items.indexOf(after) + 1, 0, itemId);
  };
  for (const { change } of log) {
    if (change.case === "addItem") put(change.value.itemId, change.value.afterItemId);
    if (change.case === "moveItem" || change.case === "removeItem") {
      items.splice(items.indexOf(change.value.itemId), 1);
    }
    if (change.case === "moveItem") put(change.value.itemId, change.value.afterItemId);
  }
  return items;
}

test("changes of many tabs at once are all merged: the log replayed is the playlist", async () => {
  const playlists = bed.as("lst_me");
  const trackIds = Array.from({ length: 10 }, (_, index) => bed.catalog.add(`t${index}`));
  const { playlist } = await playlists.createPlaylist({ name: "Road", idempotencyKey: newKey() });
  const playlistId = playlist!.id;
  const { added } = await playlists.addTracks({ playlistId, trackIds, idempotencyKey: newKey() });
  const itemIds = added.map((item) => item.itemId);

  const tabs = Array.from({ length: 8 }, async (_, tab) => {
    for (let step = 0; step < 5; step += 1) {
      const target = itemIds[(tab * 3 + step) % itemIds.length]!;
      const other = itemIds[(tab + step * 7) % itemIds.length]!;
      await playlists.addTracks({
        playlistId,
        trackIds: [trackIds[tab]!],
        afterItemId: other,
        idempotencyKey: newKey(),
      });
      await playlists.applyChanges({
        playlistId,
        baseRevision: 1n,
        changes: [
          { change: { case: "moveItem", value: { itemId: target, afterItemId: other } } },
          { change: { case: "removeItem", value: { itemId: itemIds[tab]! } } },
        ],
        idempotencyKey: newKey(),
      });
    }
  });
  await Promise.all(tabs);

  const { items, playlist: head } = await playlists.getPlaylist({ playlistId });
  const { changes } = await playlists.getChanges({ playlistId });
  expect(changes.map((change) => change.revision)).toEqual(changes.map((_, index) => BigInt(index + 1)));
  expect(head?.revision).toBe(BigInt(changes.length));
  expect(replay(changes)).toEqual(items.map((item) => item.itemId));
  // Of the ten at the start each tab removed its own, and added five.
  expect(items).toHaveLength(10 - 8 + 8 * 5);
  expect(new Set(items.map((item) => item.itemId)).size).toBe(items.length);
});
