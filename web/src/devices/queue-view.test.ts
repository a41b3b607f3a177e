import { Repeat, WatchQueueResponseSchema } from "@antiphon/proto/antiphon/player/v1/queue";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { QueueView } from "./queue-view.ts";

const items = (ids: string) => [...ids].map((itemId) => ({ itemId, trackId: `trk_${itemId}` }));
const ids = (view: QueueView) => view.queue.items.map(({ uid }) => uid).join("");

function told(...updates: MessageInitShape<typeof WatchQueueResponseSchema>[]): QueueView {
  const view = new QueueView();
  for (const update of updates) view.take(create(WatchQueueResponseSchema, update));
  return view;
}

describe("the queue as the server tells it", () => {
  it("is put together from splices", () => {
    const view = told(
      { items: { inserted: items("abcd") } },
      { items: { index: 1, removed: 2, inserted: items("x") } },
    );
    expect(ids(view)).toBe("axd");
    expect(view.queue.items.map(({ rank }) => rank)).toEqual([0, 1, 2]);
  });

  it("is no whole while parts of it are missing, and after a new beginning", () => {
    const view = told({ items: { inserted: items("ab") }, more: true });
    expect(view.isWhole).toBe(false);
    view.take(create(WatchQueueResponseSchema, { items: { index: 2, inserted: items("cd") } }));
    expect([view.isWhole, ids(view)]).toEqual([true, "abcd"]);
    view.reset();
    expect([view.isWhole, ids(view)]).toEqual([false, ""]);
  });

  it("knows what plays, and keeps a name for a song that is gone", () => {
    const playhead = { itemId: "b", positionMs: 5_000 };
    const view = told({
      state: { repeat: Repeat.ONE, shuffled: true, playhead },
      items: { inserted: items("ab") },
    });
    expect(view.queue).toMatchObject({ index: 1, repeat: "one", shuffled: true });
    expect(view.queue.items[0]?.track.title).toMatch(/not here/);
    expect(view.positionMs).toBe(5_000);
  });
});
