import { newId, stableId } from "@antiphon/mesh";
import { until } from "@antiphon/mesh/testing";
import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  type QueueChangeSchema,
  QueueErrorDetailSchema,
  QueueErrorReason,
  Repeat,
} from "@antiphon/proto/antiphon/player/v1/queue";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type QueueBed, queueBed, TestDevice } from "../testing/queue-bed.ts";

type ChangeInit = MessageInitShape<typeof QueueChangeSchema>["change"];

let bed: QueueBed;
const devices: TestDevice[] = [];
beforeAll(async () => {
  bed = await queueBed();
});
afterEach(() => Promise.all(devices.splice(0).map((device) => device.leave())));
afterAll(() => bed?.stop());

const trackId = stableId("trk", "Nebula");

/** A listener with a device on each of the replicas. */
async function listenerWithTwo() {
  const id = newId("lst");
  const phone = device(id, 0, "Phone");
  const laptop = device(id, 1, "Laptop");
  for (const each of [phone, laptop]) {
    await until(() => each.names.length === 2, { what: "each device to know of both" });
  }
  return { id, phone, laptop };
}

function device(id: string, replica: 0 | 1, name: string): TestDevice {
  const made = new TestDevice(bed.as(id, replica), name);
  devices.push(made);
  return made;
}

function insert(count: number, after?: string) {
  const items = Array.from({ length: count }, () => ({ itemId: newId("itm"), trackId, origin: "Album" }));
  const place = after ? { place: { case: "afterItemId", value: after } as const } : {};
  return {
    ids: items.map(({ itemId }) => itemId),
    change: { case: "insert", value: { items, place } } as const,
  };
}

function apply(id: string, from: TestDevice, replica: 0 | 1, ...changes: ChangeInit[]) {
  return bed.as(id, replica).applyQueueChanges({
    deviceId: from.id,
    baseVersion: from.state?.version ?? 0n,
    changes: changes.map((change) => ({ change: change! })),
    idempotencyKey: newId("key"),
  });
}

const same = (a: readonly string[], b: readonly string[]) => a.join() === b.join();

test("what one device adds, the other sees, whichever replica each of them watches", async () => {
  const { id, phone, laptop } = await listenerWithTwo();
  await bed.remember(create(TrackSchema, { id: trackId, title: "Nebula" }));
  const { ids, change } = insert(2);
  const { state } = await apply(id, phone, 0, change);
  await until(() => same(laptop.itemIds, ids), { what: "the laptop to see both items" });
  expect(laptop.state?.version).toBe(state?.version);
  const told = laptop.seen.at(-1)?.items?.inserted[0];
  expect(told).toMatchObject({ origin: "Album", track: { title: "Nebula", playable: true } });
  const whole = await bed.as(id, 1).getQueue({});
  expect(whole.items.map(({ itemId }) => itemId)).toEqual(ids);
});

test("changes that two devices make of the same version are merged", async () => {
  const { id, phone, laptop } = await listenerWithTwo();
  const start = insert(3);
  await apply(id, phone, 0, start.change);
  const [a, b, c] = start.ids as [string, string, string];
  await until(() => laptop.itemIds.length === 3 && phone.itemIds.length === 3);
  const mine = insert(1, b);
  const yours = insert(1);
  await Promise.all([
    apply(id, phone, 0, { case: "remove", value: { itemIds: [b] } }, mine.change),
    apply(id, laptop, 1, yours.change, { case: "setRepeat", value: { repeat: Repeat.ALL } }),
  ]);
  const merged = [a, ...mine.ids, c, ...yours.ids];
  for (const each of [phone, laptop]) {
    await until(() => same(each.itemIds, merged) && each.state?.repeat === Repeat.ALL);
  }
});

test("two that seek at once come to the same place", async () => {
  const { id, phone, laptop } = await listenerWithTwo();
  const { ids, change } = insert(1);
  await apply(id, phone, 0, change, { case: "jump", value: { itemId: ids[0]! } });
  await Promise.all([
    apply(id, phone, 0, { case: "seek", value: { positionMs: 10_000 } }),
    apply(id, laptop, 1, { case: "seek", value: { positionMs: 90_000 } }),
  ]);
  const { state } = await bed.as(id, 0).getQueue({});
  for (const each of [phone, laptop]) {
    await until(() => each.state?.version === state?.version, { what: "both to hear the last version" });
    expect(each.state?.playhead?.anchor).toBe(state?.playhead?.anchor);
  }
});

test("a command counts once, however often it is sent", async () => {
  const { id, phone } = await listenerWithTwo();
  const { change } = insert(2);
  const request = { changes: [{ change }], idempotencyKey: "once" };
  const first = await bed.as(id, 0).applyQueueChanges(request);
  await bed.as(id, 0).applyQueueChanges({ changes: [{ change: insert(1).change }], idempotencyKey: "other" });
  const again = await bed.as(id, 1).applyQueueChanges(request);
  expect(Number(again.state?.version)).toBe(Number(first.state?.version) + 1);
  await until(() => phone.itemIds.length === 3);
  const reused = bed.as(id, 0).applyQueueChanges({ ...request, baseVersion: 1n });
  await expect(reused).rejects.toMatchObject({
    code: Code.InvalidArgument,
    message: expect.stringContaining("idempotency_key: was used for another request"),
  });
});

describe("playing", () => {
  async function playing() {
    const both = await listenerWithTwo();
    const { ids, change } = insert(2);
    const { state } = await apply(both.id, both.phone, 0, change, {
      case: "jump",
      value: { itemId: ids[0]! },
    });
    return { ...both, ids, anchor: state?.playhead?.anchor ?? "" };
  }

  test("moves to another device with its position, and the first one hears that it does not play any more", async () => {
    const { id, phone, laptop } = await playing();
    await until(() => laptop.state?.playhead?.deviceId === phone.id && laptop.state.playhead.playing);
    const transfer = { toDeviceId: laptop.id, positionMs: 42_000, idempotencyKey: "over" };
    await bed.as(id, 1).transfer(transfer);
    for (const each of [phone, laptop]) {
      await until(() => each.state?.playhead?.deviceId === laptop.id, { what: "both to hear who plays" });
      expect(each.state?.playhead).toMatchObject({ playing: true, anchor: "over" });
      expect(each.state?.playhead?.positionMs).toBeGreaterThanOrEqual(42_000);
    }
    expect((await bed.as(id, 0).transfer(transfer)).state?.playhead?.deviceId).toBe(laptop.id);
  });

  test("can't move to a device that is not there", async () => {
    const { id } = await playing();
    const toDeviceId = newId("dev");
    const error = await bed.as(id, 0).transfer({ toDeviceId, idempotencyKey: "x" }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.NotFound, message: expect.stringContaining("to_device_id") });
    expect((error as ConnectError).findDetails(QueueErrorDetailSchema)).toMatchObject([
      { reason: QueueErrorReason.DEVICE_NOT_FOUND, subject: toDeviceId },
    ]);
  });

  test("stops for all to see when its device leaves, and goes on where it was on another one", async () => {
    const { id, phone, laptop, ids, anchor } = await playing();
    const report = { deviceId: phone.id, itemId: ids[0]!, anchor, playing: true, positionMs: 7_000 };
    await bed.as(id, 0).reportDevice(report);
    await until(() => (laptop.state?.playhead?.positionMs ?? 0) >= 7_000);
    await phone.leave();
    await until(() => same(laptop.names, ["Laptop"]) && !laptop.state?.playhead?.playing);
    expect(laptop.state?.playhead?.positionMs).toBe(7_000);
    await apply(id, laptop, 1, { case: "setPlaying", value: { playing: true } });
    await until(() => laptop.state?.playhead?.deviceId === laptop.id && laptop.state.playhead.playing);
    expect(laptop.state?.playhead?.positionMs).toBeGreaterThanOrEqual(7_000);
  });

  test("is told by the device that does, and not by one that has not heard of the last command", async () => {
    const { id, phone, laptop, ids, anchor } = await playing();
    const report = { deviceId: phone.id, itemId: ids[0]!, anchor, playing: false, positionMs: 3_000 };
    await bed.as(id, 0).reportDevice({ ...report, deviceId: laptop.id });
    await apply(id, laptop, 1, { case: "seek", value: { positionMs: 60_000 } });
    await bed.as(id, 0).reportDevice(report);
    const { playhead } = (await bed.as(id, 0).getQueue({})).state ?? {};
    expect(playhead).toMatchObject({ playing: true });
    expect(playhead?.positionMs).toBeGreaterThanOrEqual(60_000);
  });

  test("is not told of again where a report says what is known", async () => {
    const { id, phone, laptop, ids, anchor } = await playing();
    await until(() => laptop.state?.playhead?.anchor === anchor);
    const { version, playhead } = (await bed.as(id, 0).getQueue({})).state!;
    const { positionMs } = playhead!;
    await bed.as(id, 0).reportDevice({
      ...{ deviceId: phone.id, itemId: ids[0]!, anchor, playing: true, positionMs },
    });
    expect((await bed.as(id, 0).getQueue({})).state?.version).toBe(version);
  });
});

test("a device whose replica died is forgotten when its lease has ended", async () => {
  const { id, phone, laptop } = await listenerWithTwo();
  const stranded = await bed.queues.enter(id, { id: newId("dev"), name: "Radio" });
  await until(() => laptop.names.length === 3);
  await bed.pool.query("UPDATE queue_device SET seen_at = now() - interval '1 hour' WHERE name = 'Radio'");
  const other = await bed.queues.enter(id, { id: newId("dev"), name: "Tablet" });
  await other.stay();
  for (const each of [phone, laptop]) await until(() => same(each.names, ["Laptop", "Phone", "Tablet"]));
  await stranded.leave();
  expect((await bed.pool.query("SELECT FROM queue_device WHERE name = 'Radio'")).rowCount).toBe(0);
});

test("a device that watches anew is not taken away by the end of its old stream", async () => {
  const id = newId("lst");
  const phone = { id: newId("dev"), name: "Phone" };
  const old = await bed.queues.enter(id, phone);
  await bed.queues.enter(id, phone);
  await old.leave();
  expect((await bed.queues.head(id)).devices).toEqual([phone]);
});

test("a queue of 10,000 is told in parts, and takes no item more", async () => {
  const id = newId("lst");
  const { ids, change } = insert(10_000);
  await bed.as(id, 0).applyQueueChanges({ changes: [{ change }], idempotencyKey: "all" });
  const phone = device(id, 1, "Phone");
  await until(() => phone.seen.length > 0 && !phone.seen.at(-1)?.more, { what: "the whole queue" });
  expect(phone.itemIds).toEqual(ids);
  expect(phone.seen.length).toBe(20);
  const error = await apply(id, phone, 0, insert(1).change).catch(ConnectError.from);
  expect(error).toMatchObject({
    code: Code.FailedPrecondition,
    message: expect.stringContaining("at most 10000 items; this would make 10001"),
  });
  await apply(id, phone, 0, {
    case: "move",
    value: { itemId: ids[9_999]!, place: { place: { case: "front", value: true } } },
  });
  await until(() => phone.itemIds[0] === ids[9_999]);
});

test.each<[string, object]>([
  ["changes", { changes: [] }],
  ["idempotency_key", { changes: [{ change: insert(1).change }], idempotencyKey: "" }],
  ["device_id", { deviceId: "phone" }],
  ["base_version: must be at most 0", { baseVersion: 9n }],
  ["item_ids[0]", { changes: [{ change: { case: "remove", value: { itemIds: ["x"] } } }] }],
  [
    "from_item_id",
    { changes: [{ change: { case: "jump", value: { itemId: newId("itm"), fromItemId: "x" } } }] },
  ],
])("a bad %s is refused by name", async (field, bad) => {
  const good = { changes: [{ change: insert(1).change }], idempotencyKey: "x" };
  const call = bed.as(newId("lst"), 0).applyQueueChanges({ ...good, ...bad });
  await expect(call).rejects.toMatchObject({
    code: Code.InvalidArgument,
    message: expect.stringContaining(field),
  });
});

test("nobody has no queue", async () => {
  await expect(bed.as(undefined, 0).getQueue({})).rejects.toMatchObject({ code: Code.Unauthenticated });
});
