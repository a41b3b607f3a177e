import { readFile } from "node:fs/promises";
import { event } from "@antiphon/mesh/events";
import { until } from "@antiphon/mesh/testing";
import { AudioReadySchema } from "@antiphon/proto/antiphon/player/v1/events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakePackager, type PlayerBed, playerBed } from "../testing/bed.ts";
import { STAGES } from "./ladder.ts";
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

/** Rejects where the signal comes first, or came before. */
async function unlessAborted(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  await Promise.race([waiting, aborted]);
}

/** Does not end before it is told to. */
function heldPackager() {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const packager: Packager = async (order) => {
    begun.resolve();
    await unlessAborted(release.promise, order.signal);
    return fakePackager(order);
  };
  return { packager, begun: begun.promise, release: () => release.resolve() };
}

test("a track that was imported is packaged, and that is told", async () => {
  const id = await bed.importTrack("First Light");
  startPackaging();
  await stateOf(id, "done");
  const found = await bed.audio.find(id, "opus");
  expect(found).toMatchObject({ totalSamples: 100_000n, segmentSamples: [96_000, 4_800], gainDb: 4.5 });
  expect(found?.renditions.map(({ bitrateKbps }) => bitrateKbps)).toEqual([24, 64, 128, 256]);
  expect(await bed.objects.size(found!.renditions[0]!.objectId)).toBe(41);
  expect(await bed.published(event(AudioReadySchema), id)).toMatchObject([
    { durationMs: 2083, loudnessLufs: -20 },
  ]);
});

test("processes share the queue, and each stage of a track is done once", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => bed.importTrack(`Track ${i}`)));
  let packaged = 0;
  const counting: Packager = (order) => {
    packaged += 1;
    return fakePackager(order);
  };
  for (let process = 0; process < 3; process++) startPackaging({ packager: counting, workers: 2 });
  for (const id of ids) await stateOf(id, "done");
  expect(packaged).toBe(20 * STAGES.length);
  expect(await bed.jobs.counts()).toMatchObject({
    waiting: 0,
    running: 0,
    done: 20,
    failed: 0,
    playable: 20,
    stagesDone: 60,
    stagesTotal: 60,
  });
});

describe("a ladder grows", () => {
  /** Does stages one by one; the others wait. */
  function stepwise(): { readonly stages: string[]; next(): void; packager: Packager } {
    const stages: string[] = [];
    let waiting = Promise.withResolvers<void>();
    return {
      stages,
      next: () => waiting.resolve(),
      packager: async (order) => {
        await unlessAborted(waiting.promise, order.signal);
        waiting = Promise.withResolvers();
        const made = await fakePackager(order);
        const title = (await readFile(made.renditions[0]!.path, "utf8")).slice(30);
        stages.push(`${title} ${order.stage.codec} ${order.stage.bitratesKbps}${order.urgent ? "!" : ""}`);
        return made;
      },
    };
  }

  test("from what can be heard soonest; it is told once, and the whole of it comes later", async () => {
    const id = await bed.importTrack("First Light");
    const { packager, next } = stepwise();
    startPackaging({ packager });
    next();
    await until(() => bed.audio.find(id, "opus"));
    expect((await bed.audio.find(id, "opus"))?.renditions.map((each) => each.bitrateKbps)).toEqual([24, 64]);
    expect(await bed.published(event(AudioReadySchema), id)).toHaveLength(1);
    expect(await bed.audio.find(id, "aac")).toBeUndefined();
    next();
    await until(async () => (await bed.audio.find(id, "opus"))?.renditions.length === 4);
    next();
    await stateOf(id, "done");
    expect((await bed.audio.find(id, "aac"))?.renditions.map((each) => each.bitrateKbps)).toEqual([
      48, 96, 160, 320,
    ]);
    expect(await bed.published(event(AudioReadySchema), id)).toHaveLength(1);
  });

  test("after a crash from where it was: what is made is not made again", async () => {
    const id = await bed.importTrack("First Light");
    const { packager, next } = stepwise();
    const stop = startPackaging({ packager });
    next();
    await until(() => bed.audio.find(id, "opus"));
    await stop();
    // The process that had the job was killed: its lease ends by itself.
    await bed.jobs.claim();
    await bed.pool.query("UPDATE packaging_job SET leased_until = now() - interval '1 s'");
    const stages: number[] = [];
    startPackaging({
      packager: (order) => {
        stages.push(STAGES.indexOf(order.stage));
        return fakePackager(order);
      },
    });
    await stateOf(id, "done");
    expect(stages).toEqual([1, 2]);
  });

  test("first for what somebody waits for, then so that all can be heard", async () => {
    const ids = [];
    for (const title of ["A", "B", "C"]) ids.push(await bed.importTrack(title));
    await bed.jobs.want(ids[1]!, 1);
    await bed.jobs.want(ids[2]!, 3);
    const { packager, stages, next } = stepwise();
    // One worker for all, so that the order can be seen.
    const claim = bed.jobs.claim;
    startPackaging({
      packager,
      jobs: { ...bed.jobs, claim: async (options) => (options?.urgentOnly ? undefined : claim()) },
    });
    while (stages.length < 9) {
      const { length } = stages;
      next();
      await until(() => stages.length > length);
    }
    expect(stages).toEqual([
      "C opus 24,64!",
      "C opus 128,256!",
      "C aac 48,96,160,320!",
      "B opus 24,64!",
      "A opus 24,64",
      "A opus 128,256",
      "B opus 128,256",
      "A aac 48,96,160,320",
      "B aac 48,96,160,320",
    ]);
  });

  test("at once for what somebody waits for, while another track is at work", async () => {
    const long = await bed.importTrack("A long one");
    const held = heldPackager();
    startPackaging({
      packager: (order) => (order.urgent ? fakePackager(order) : held.packager(order)),
    });
    await held.begun;
    const wanted = await bed.importTrack("Now");
    await bed.jobs.want(wanted, 1);
    await until(() => bed.audio.find(wanted, "opus"));
    expect(await bed.audio.find(long, "opus")).toBeUndefined();
    held.release();
  });

  test("only with renditions that are aligned with the others", async () => {
    const id = await bed.importTrack("First Light");
    startPackaging({
      packager: async (order) => {
        const made = await fakePackager(order);
        return order.stage === STAGES[1] ? { ...made, segmentSamples: [96_000, 5_760] } : made;
      },
    });
    const { failure } = await until(async () => {
      await skipWaiting();
      const state = await bed.jobs.state(id);
      return state?.state === "failed" && state;
    });
    expect(failure).toContain("not aligned with those made before");
    expect((await bed.audio.find(id, "opus"))?.renditions).toHaveLength(2);
  });
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
  const { rows } = await bed.pool.query<{ attempts: number }>("SELECT attempts FROM packaging_job");
  expect(rows).toEqual([{ attempts: 0 }]);
  bed.catalog.away = false;
  await skipWaiting();
  await stateOf(id, "done");
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
    expect(await bed.audio.find(id, "opus")).toBeUndefined();
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
    const shared = (await bed.audio.find(gone, "opus"))!.renditions[0]!.objectId;
    const own = (await bed.audio.find(alone, "opus"))!.renditions[0]!.objectId;
    expect((await bed.audio.find(stays, "opus"))!.renditions[0]!.objectId).toBe(shared);

    for (const id of [gone, alone]) await bed.removeTrack(id);
    expect(await bed.audio.find(gone, "opus")).toBeUndefined();
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
    const { renditions } = (await bed.audio.find(id, "opus"))!;
    expect(await bed.objects.size(renditions[0]!.objectId)).toBe(41);
  });
});

test("a track whose file is another one is packaged again, one whose tags changed is not", async () => {
  const id = await bed.importTrack("First Light");
  startPackaging();
  await stateOf(id, "done");
  await bed.importTrack("First Light");
  expect(await bed.jobs.state(id)).toMatchObject({ state: "done" });
  const before = (await bed.audio.find(id, "opus"))!.renditions[0]!.objectId;
  await bed.importTrack("First Light", Buffer.from("a better recording"));
  await until(async () => (await bed.audio.find(id, "opus"))!.renditions[0]!.objectId !== before);
  expect(await bed.published(event(AudioReadySchema), id)).toHaveLength(2);
});
