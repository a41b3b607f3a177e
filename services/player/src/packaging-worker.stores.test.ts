import { event } from "@antiphon/mesh/events";
import { until } from "@antiphon/mesh/testing";
import { AudioReadySchema } from "@antiphon/proto/antiphon/player/v1/events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakePackager, type PlayerBed, playerBed } from "../testing/bed.ts";
import type { Packager } from "./packager.ts";

let bed: PlayerBed;
let stops: (() => Promise<void>)[];
beforeEach(async () => {
  bed = await playerBed();
  stops = [];
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  await bed.stop();
});

function startPackaging(options?: Parameters<PlayerBed["startPackaging"]>[0]): () => Promise<void> {
  const { stop } = bed.startPackaging(options);
  stops.push(stop);
  return stop;
}

async function stateOf(trackId: string, state: string): Promise<void> {
  await until(async () => (await bed.jobs.state(trackId))?.state === state, {
    what: `${trackId} is ${state}`,
  });
}

/** Lets jobs that wait for another attempt begin at once. */
async function skipWaiting(): Promise<void> {
  await bed.pool.query("UPDATE packaging_job SET not_before = now()");
}

/** Does not end before it is told to. */
function heldPackager() {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const packager: Packager = async (source, folder, signal) => {
    begun.resolve();
    const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await Promise.race([release.promise, aborted]);
    return fakePackager(source, folder, signal);
  };
  return { packager, begun: begun.promise, release: () => release.resolve() };
}

test("a track that was imported is packaged, and that is told", async () => {
  const id = await bed.importTrack("First Light");
  startPackaging();
  await stateOf(id, "done");
  const found = await bed.audio.find(id);
  expect(found).toMatchObject({ totalSamples: 100_000n, segmentSamples: [96_000, 4_800], gainDb: 4.5 });
  expect(found?.renditions.map(({ bitrateKbps }) => bitrateKbps)).toEqual([24, 64, 128, 256]);
  expect(await bed.objects.size(found!.renditions[0]!.objectId)).toBe(41);
  expect(await bed.published(event(AudioReadySchema), id)).toMatchObject([
    { durationMs: 2083, loudnessLufs: -20 },
  ]);
});

test("processes share the queue, and each track is packaged once", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => bed.importTrack(`Track ${i}`)));
  let packaged = 0;
  const counting: Packager = (...args) => {
    packaged += 1;
    return fakePackager(...args);
  };
  for (let process = 0; process < 3; process++) startPackaging({ packager: counting, workers: 2 });
  for (const id of ids) await stateOf(id, "done");
  expect(packaged).toBe(20);
  expect(await bed.jobs.counts()).toMatchObject({ waiting: 0, running: 0, done: 20, failed: 0 });
});

test("a job whose process died is taken up by another one", async () => {
  const id = await bed.importTrack("First Light");
  expect(await bed.jobs.claim()).toMatchObject({ trackId: id, attempts: 1 });
  expect(await bed.jobs.claim()).toBeUndefined();
  await bed.pool.query("UPDATE packaging_job SET leased_until = now() - interval '1 s'");
  startPackaging();
  await stateOf(id, "done");
});

test("a job that kills its process again and again is given up", async () => {
  const id = await bed.importTrack("First Light");
  for (let death = 0; death < 3; death++) {
    await bed.jobs.claim();
    await bed.pool.query("UPDATE packaging_job SET leased_until = now() - interval '1 s'");
  }
  startPackaging();
  await stateOf(id, "failed");
  expect((await bed.jobs.state(id))?.failure).toContain("went away 3 times");
});

test("a source that can't be packaged fails with the reason after three attempts", async () => {
  const id = await bed.importTrack("First Light");
  let attempts = 0;
  startPackaging({
    packager: async () => {
      attempts += 1;
      throw new Error("this is no music");
    },
  });
  for (let attempt = 1; attempt < 3; attempt++) {
    await until(() => attempts === attempt);
    await stateOf(id, "waiting");
    await skipWaiting();
  }
  await stateOf(id, "failed");
  expect(attempts).toBe(3);
  expect(await bed.jobs.state(id)).toEqual({ state: "failed", failure: "this is no music" });
});

test("a catalog that is away costs time, not attempts", async () => {
  const id = await bed.importTrack("First Light");
  bed.catalog.away = true;
  startPackaging();
  await until(async () => {
    const { rows } = await bed.pool.query(
      "SELECT FROM packaging_job WHERE state = 'waiting' AND not_before > now()",
    );
    return rows.length === 1;
  });
  bed.catalog.away = false;
  await skipWaiting();
  await stateOf(id, "done");
  const { rows } = await bed.pool.query<{ attempts: number }>("SELECT attempts FROM packaging_job");
  expect(rows).toEqual([{ attempts: 1 }]);
});

test("a process that drains gives its job back at once", async () => {
  const id = await bed.importTrack("First Light");
  const { packager, begun } = heldPackager();
  const stop = startPackaging({ packager });
  await begun;
  await stop();
  expect(await bed.jobs.state(id)).toMatchObject({ state: "waiting" });
  expect(await bed.jobs.claim()).toMatchObject({ trackId: id, attempts: 1 });
});

describe("a track that is removed", () => {
  test("while it is packaged leaves nothing", async () => {
    const id = await bed.importTrack("First Light");
    const { packager, begun, release } = heldPackager();
    const stop = startPackaging({ packager });
    await begun;
    await bed.removeTrack(id);
    release();
    await stop();
    expect(await bed.audio.find(id)).toBeUndefined();
    expect(await bed.published(event(AudioReadySchema), id)).toEqual([]);
  });

  test("keeps its objects as long as their URLs, and then only those that another track shares", async () => {
    const [gone, stays] = [
      await bed.importTrack("Gone"),
      await bed.importTrack("Stays", Buffer.from("Gone")),
    ];
    const alone = await bed.importTrack("Alone");
    startPackaging();
    for (const id of [gone, stays, alone]) await stateOf(id, "done");
    const shared = (await bed.audio.find(gone))!.renditions[0]!.objectId;
    const own = (await bed.audio.find(alone))!.renditions[0]!.objectId;
    expect((await bed.audio.find(stays))!.renditions[0]!.objectId).toBe(shared);

    for (const id of [gone, alone]) await bed.removeTrack(id);
    expect(await bed.audio.find(gone)).toBeUndefined();
    await bed.audio.sweep(60_000);
    expect(await bed.objects.size(own)).toBe(35);
    await bed.audio.sweep(0);
    expect(await bed.objects.size(own)).toBeUndefined();
    expect(await bed.objects.size(shared)).toBe(34);
  });

  test("and imported again has its objects kept", async () => {
    const id = await bed.importTrack("First Light");
    startPackaging();
    await stateOf(id, "done");
    await bed.removeTrack(id);
    await bed.importTrack("First Light");
    await stateOf(id, "done");
    await bed.audio.sweep(0);
    const { renditions } = (await bed.audio.find(id))!;
    expect(await bed.objects.size(renditions[0]!.objectId)).toBe(41);
  });
});

test("a track whose file is another one is packaged again, one whose tags changed is not", async () => {
  const id = await bed.importTrack("First Light");
  startPackaging();
  await stateOf(id, "done");
  await bed.importTrack("First Light");
  expect(await bed.jobs.state(id)).toMatchObject({ state: "done" });
  const before = (await bed.audio.find(id))!.renditions[0]!.objectId;
  await bed.importTrack("First Light", Buffer.from("a better recording"));
  await until(async () => (await bed.audio.find(id))!.renditions[0]!.objectId !== before);
  expect(await bed.published(event(AudioReadySchema), id)).toHaveLength(2);
});
