import { newId, stableId, verifyMediaPath, withTransaction } from "@antiphon/mesh";
import { event } from "@antiphon/mesh/events";
import { until } from "@antiphon/mesh/testing";
import { MediaErrorDetailSchema, MediaErrorReason } from "@antiphon/proto/antiphon/media/v1/media";
import {
  PlaybackEndedSchema,
  PlaybackQualifiedSchema,
  PlaybackSkippedSchema,
  PlaybackStalledSchema,
  PlaybackStartedSchema,
} from "@antiphon/proto/antiphon/player/v1/events";
import {
  Codec,
  PlaybackEventKind,
  PlayerErrorDetailSchema,
  PlayerErrorReason,
} from "@antiphon/proto/antiphon/player/v1/player";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MEDIA_KEY, type PlayerBed, playerBed } from "../testing/bed.ts";

const { STARTED, QUALIFIED, SKIPPED, ENDED, STALLED } = PlaybackEventKind;

let bed: PlayerBed;
let listenerId: string;
/** Packaged. */
let trackId: string;
/** Waits for ever. */
let waitingId: string;

beforeAll(async () => {
  bed = await playerBed();
  trackId = await bed.importTrack("First Light");
  const { stop } = bed.startPackaging();
  await until(async () => (await bed.jobs.state(trackId))?.state === "done");
  await stop();
  waitingId = await bed.importTrack("Second Wind");
});
afterAll(() => bed.stop());
beforeEach(() => {
  bed.catalog.away = false;
  listenerId = newId("lst");
});

async function refusal(call: Promise<unknown> | AsyncIterable<unknown>) {
  const ended = "then" in call ? call : Array.fromAsync(call);
  const error = await ended.then(
    () => new Error("the call was not refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConnectError)) throw error;
  const reason = error.findDetails(PlayerErrorDetailSchema)[0]?.reason;
  return { code: error.code, reason, message: error.message };
}

describe("starting a playback", () => {
  test("answers with all that is needed to play", async () => {
    const answer = await bed.as(listenerId).startPlayback({ trackId });
    expect(answer).toMatchObject({
      playbackId: expect.stringMatching(/^pb_[0-9a-z]{20}$/),
      track: { id: trackId, title: "First Light", playable: true },
      segmentSamples: [96_000, 4_800],
      sampleRateHz: 48_000,
      totalSamples: 100_000n,
      gainDb: 4.5,
      peaks: Buffer.of(1, 2, 3),
      codec: Codec.OPUS,
      primingSamples: 0,
    });
    expect(answer.renditions.map(({ bitrateKbps }) => bitrateKbps)).toEqual([24, 64, 128, 256]);
    expect(answer.renditions[0]).toMatchObject({
      id: expect.stringMatching(/^ren_[0-9a-z]{20}$/),
      mimeType: 'audio/mp4; codecs="opus"',
      init: { offset: 0n, length: 10 },
      segments: [
        { offset: 10n, length: 20 },
        { offset: 30n, length: 11 },
      ],
    });
  });

  test("carries the first segment where that is asked for", async () => {
    const { renditions, firstSegment } = await bed
      .as(listenerId)
      .startPlayback({ trackId, inlineFirstSegment: true });
    const [lowest] = renditions;
    expect(firstSegment).toHaveLength(lowest!.init!.length + lowest!.segments[0]!.length);
    expect(Buffer.from(firstSegment).toString()).toMatch(/^(24)+$/);
    expect((await bed.as(listenerId).startPlayback({ trackId })).firstSegment).toHaveLength(0);
  });

  test("answers the first of the codecs asked for that is there, one ladder alone", async () => {
    const player = bed.as(listenerId);
    const aac = await player.startPlayback({ trackId, codecs: [Codec.AAC, Codec.OPUS] });
    expect(aac).toMatchObject({ codec: Codec.AAC, sampleRateHz: 44_100, primingSamples: 1_024 });
    expect(aac.renditions.map(({ bitrateKbps, mimeType }) => `${bitrateKbps} ${mimeType}`)).toEqual(
      [48, 96, 160, 320].map((kbps) => `${kbps} audio/mp4; codecs="mp4a.40.2"`),
    );
    const opus = await player.startPlayback({ trackId, codecs: [Codec.OPUS, Codec.AAC] });
    expect(opus).toMatchObject({ codec: Codec.OPUS, sampleRateHz: 48_000, ladderGrows: false });
  });

  test("signs URLs that are good for six hours", async () => {
    const { renditions, urlsExpireAt } = await bed.as(listenerId).startPlayback({ trackId });
    const url = new URL(renditions[0]!.url, "http://gateway");
    expect(url.pathname).toBe(`/media/player/${renditions[0]!.id}.mp4`);
    const sixHours = bed.clock.now() + 6 * 3_600_000;
    expect(timestampMs(urlsExpireAt!)).toBe(sixHours);
    expect(verifyMediaPath(MEDIA_KEY, url.pathname, url.searchParams, sixHours - 1)).toBe("ok");
    expect(verifyMediaPath(MEDIA_KEY, url.pathname, url.searchParams, sixHours + 1_000)).toBe("expired");
  });

  test("needs no catalog: what the player knows of the track will do", async () => {
    bed.catalog.away = true;
    const { track } = await bed.as(listenerId).startPlayback({ trackId });
    expect(track).toMatchObject({ title: "First Light", artist: { name: "The Testers" } });
  });

  test("of a track that is not packaged yet is failed_precondition with the reason", async () => {
    expect(await refusal(bed.as(listenerId).startPlayback({ trackId: waitingId }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: PlayerErrorReason.NOT_PACKAGED_YET,
    });
  });

  test("of a track that is not packaged yet moves it to the front of the queue", async () => {
    await bed.importTrack("Before it");
    const last = await bed.importTrack("Last");
    await refusal(bed.as(listenerId).startPlayback({ trackId: last, codecs: [Codec.AAC] }));
    for (const stagesDone of [0, 1, 2]) {
      const job = (await bed.jobs.claim())!;
      expect(job).toMatchObject({ trackId: last, stagesDone, urgent: true });
      await withTransaction(bed.pool, (tx) => bed.jobs.completeStage(tx, job));
    }
    expect(await bed.jobs.state(last)).toMatchObject({ state: "done" });
  });

  test("of a track whose event is on its way is failed_precondition too", async () => {
    const { id } = bed.catalog.add(newId("trk"), "Just Now");
    expect(await refusal(bed.as(listenerId).startPlayback({ trackId: id }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: PlayerErrorReason.NOT_PACKAGED_YET,
    });
  });

  test("of a track that can't be packaged is failed_precondition with the cause", async () => {
    const id = await bed.importTrack("Broken");
    await bed.pool.query(
      "UPDATE packaging_job SET state = 'failed', failure = 'no sound' WHERE track_id = $1",
      [id],
    );
    expect(await refusal(bed.as(listenerId).startPlayback({ trackId: id }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: PlayerErrorReason.PACKAGING_FAILED,
      message: expect.stringContaining("no sound"),
    });
  });

  test("of an unknown track is not_found with the reason", async () => {
    expect(await refusal(bed.as(listenerId).startPlayback({ trackId: stableId("trk", "?") }))).toMatchObject({
      code: Code.NotFound,
      reason: PlayerErrorReason.TRACK_NOT_FOUND,
    });
  });

  test("of an unknown track while the catalog is away is unavailable", async () => {
    bed.catalog.away = true;
    expect(await refusal(bed.as(listenerId).startPlayback({ trackId: stableId("trk", "?") }))).toMatchObject({
      code: Code.Unavailable,
    });
  });
});

describe("reporting a playback", () => {
  let playbackId: string;
  beforeEach(async () => {
    ({ playbackId } = await bed.as(listenerId).startPlayback({ trackId }));
  });

  async function report(
    kind: PlaybackEventKind,
    more: { idempotencyKey?: string; positionMs?: number } = {},
  ) {
    await bed
      .as(listenerId)
      .reportPlayback({ playbackId, kind, startMs: 40, bufferMs: 900, renditionId: "ren_1", ...more });
  }

  test("publishes an event of its kind", async () => {
    bed.clock.advance(2_083);
    for (const kind of [STARTED, QUALIFIED, SKIPPED, ENDED, STALLED])
      await report(kind, { positionMs: 1_234 });
    const common = { listenerId, playbackId, trackId };
    expect(await bed.published(event(PlaybackStartedSchema), listenerId)).toMatchObject([
      { ...common, startMs: 40 },
    ]);
    expect(await bed.published(event(PlaybackQualifiedSchema), listenerId)).toMatchObject([common]);
    expect(await bed.published(event(PlaybackSkippedSchema), listenerId)).toMatchObject([
      { ...common, positionMs: 1_234 },
    ]);
    expect(await bed.published(event(PlaybackEndedSchema), listenerId)).toMatchObject([common]);
    expect(await bed.published(event(PlaybackStalledSchema), listenerId)).toMatchObject([
      { ...common, positionMs: 1_234, bufferMs: 900, renditionId: "ren_1" },
    ]);
  });

  test("counts each kind once, also when reports come at once", async () => {
    bed.clock.advance(2_083);
    await Promise.all([report(QUALIFIED), report(QUALIFIED), report(QUALIFIED, { idempotencyKey: "k" })]);
    expect(await bed.published(event(PlaybackQualifiedSchema), listenerId)).toHaveLength(1);
  });

  test("counts every stall but those with the same key", async () => {
    for (const idempotencyKey of ["", "", "a", "a", "b"]) await report(STALLED, { idempotencyKey });
    expect(await bed.published(event(PlaybackStalledSchema), listenerId)).toHaveLength(4);
  });

  test("of somebody else is not_found, as if it did not exist", async () => {
    const other = bed.as(newId("lst"));
    const theirs = await refusal(other.reportPlayback({ playbackId, kind: STARTED }));
    expect(theirs).toMatchObject({ code: Code.NotFound, reason: PlayerErrorReason.PLAYBACK_NOT_FOUND });
    const absent = await refusal(other.reportPlayback({ playbackId: newId("pb"), kind: STARTED }));
    expect(theirs.message.replace(playbackId, "")).toBe(absent.message.replace(/pb_[0-9a-z]{20}/, ""));
    expect(await bed.published(event(PlaybackStartedSchema), listenerId)).toEqual([]);
  });
});

describe("the history", () => {
  async function play(id: string, times: number): Promise<void> {
    const player = bed.as(listenerId);
    for (let i = 0; i < times; i++) {
      const { playbackId } = await player.startPlayback({ trackId: id });
      bed.clock.advance(1_000);
      await player.reportPlayback({ playbackId, kind: STARTED });
    }
  }

  test("is what was heard, latest first, page by page", async () => {
    await play(trackId, 5);
    const times: number[] = [];
    let pageToken = "";
    do {
      const page = await bed.as(listenerId).listHistory({ pageSize: 2, pageToken });
      expect(page.entries.every(({ track }) => track?.title === "First Light")).toBe(true);
      times.push(...page.entries.map(({ playedAt }) => timestampMs(playedAt!)));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(times).toHaveLength(5);
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });

  test("leaves out what was only made ready", async () => {
    await bed.as(listenerId).startPlayback({ trackId });
    expect((await bed.as(listenerId).listHistory({})).entries).toEqual([]);
  });

  test("knows tracks that have left the catalog, and needs none", async () => {
    const id = await bed.importTrack("Leaving");
    const { stop } = bed.startPackaging();
    await until(async () => (await bed.jobs.state(id))?.state === "done");
    await stop();
    await play(id, 1);
    await bed.removeTrack(id);
    expect((await bed.as(listenerId).listHistory({})).entries[0]?.track?.title).toBe("Leaving");
    bed.catalog.away = true;
    expect((await bed.as(listenerId).listHistory({})).entries[0]?.track?.title).toBe("Leaving");
  });
});

test("packaging is watched from now, at each change, until all is done", async () => {
  await bed.importTrack("Third Rail");
  const counts = bed.as(listenerId, true).watchPackaging({})[Symbol.asyncIterator]();
  const first = (await counts.next()).value;
  expect(first).toMatchObject({ waiting: expect.any(Number), done: expect.any(Number) });
  const { stop } = bed.startPackaging();
  let last = first;
  for (let next = await counts.next(); !next.done; next = await counts.next()) last = next.value;
  await stop();
  expect(last).toMatchObject({ waiting: 0, running: 0, lastTitle: expect.stringMatching(/\w/) });
  expect(last?.done).toBeGreaterThan(first!.done);
  expect(last).toMatchObject({ playable: last!.done, stagesDone: 3 * last!.done });
});

describe("renditions as media", () => {
  let objectId: string;
  beforeAll(async () => {
    objectId = (await bed.audio.find(trackId, "opus"))!.renditions[0]!.objectId;
  });

  async function read(offset = 0n, length = 0n): Promise<Buffer> {
    const chunks = await Array.fromAsync(bed.media.readObject({ objectId, offset, length }));
    return Buffer.concat(chunks.map(({ chunk }) => chunk));
  }

  test("are not public, typed and addressed by their content", async () => {
    expect(await bed.media.statObject({ objectId })).toMatchObject({
      sizeBytes: 41n,
      contentType: "audio/mp4",
      etag: objectId,
      public: false,
    });
  });

  test("are read whole, or in part, as far as they go", async () => {
    const whole = await read();
    expect(whole.toString()).toMatch(/First Light$/);
    expect(await read(30n, 5n)).toEqual(whole.subarray(30, 35));
    expect(await read(40n, 1_000n)).toEqual(whole.subarray(40));
  });

  test.each([41n, 42n, 2n ** 60n])("are out_of_range from their end on (%i)", async (offset) => {
    const error = await read(offset).catch((reason: ConnectError) => reason);
    expect(error).toMatchObject({ code: Code.OutOfRange });
    expect((error as ConnectError).findDetails(MediaErrorDetailSchema)).toMatchObject([
      { reason: MediaErrorReason.RANGE_NOT_SATISFIABLE, subject: objectId },
    ]);
  });

  test.each(["ren_00000000000000000000.mp4", "ren_x", "work"])("%s is not_found", async (unknown) => {
    const error = await bed.media.statObject({ objectId: unknown }).catch((reason: ConnectError) => reason);
    expect(error).toMatchObject({ code: Code.NotFound });
    expect((error as ConnectError).findDetails(MediaErrorDetailSchema)).toMatchObject([
      { reason: MediaErrorReason.OBJECT_NOT_FOUND, subject: unknown },
    ]);
  });

  test.each(["../../etc/passwd", "ren_0/../../x", "%2e%2e", "", "a".repeat(10_000)])(
    "the id %j is invalid_argument",
    async (bad) => {
      const calls = [
        bed.media.statObject({ objectId: bad }),
        Array.fromAsync(bed.media.readObject({ objectId: bad })),
      ];
      for (const ended of await Promise.allSettled(calls)) {
        expect(ended).toMatchObject({ status: "rejected", reason: { code: Code.InvalidArgument } });
      }
    },
  );
});

describe("bad input", () => {
  test.each([
    ["track_id", () => bed.as(listenerId).startPlayback({ trackId: "t9" })],
    ["codecs", () => bed.as(listenerId).startPlayback({ trackId, codecs: [Codec.AAC, Codec.AAC] })],
    ["codecs", () => bed.as(listenerId).startPlayback({ trackId, codecs: [99 as Codec] })],
    [
      "playback_id",
      () => bed.as(listenerId).reportPlayback({ playbackId: "x".repeat(10_000), kind: STARTED }),
    ],
    ["kind", () => bed.as(listenerId).reportPlayback({ playbackId: newId("pb") })],
    [
      "kind",
      () => bed.as(listenerId).reportPlayback({ playbackId: newId("pb"), kind: 99 as PlaybackEventKind }),
    ],
    [
      "start_ms",
      () => bed.as(listenerId).reportPlayback({ playbackId: newId("pb"), kind: STARTED, startMs: 600_001 }),
    ],
    [
      "idempotency_key",
      () =>
        bed
          .as(listenerId)
          .reportPlayback({ playbackId: newId("pb"), kind: STARTED, idempotencyKey: "x".repeat(65) }),
    ],
    ["page_size", () => bed.as(listenerId).listHistory({ pageSize: -1 })],
    ["page_token", () => bed.as(listenerId).listHistory({ pageToken: "x".repeat(10_000) })],
  ])("a value that %s can't have is invalid_argument and names it", async (field, call) => {
    expect(await refusal(call())).toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringMatching(new RegExp(`\\b${field}\\b`)),
    });
  });

  test("a page token that no history gave is invalid_argument with the reason", async () => {
    const pageToken = Buffer.from('{"playedAtMs":1,"playbackId":"\\u0000"}').toString("base64url");
    for (const token of ["%%%", pageToken]) {
      expect(await refusal(bed.as(listenerId).listHistory({ pageToken: token }))).toMatchObject({
        code: Code.InvalidArgument,
        reason: PlayerErrorReason.PAGE_TOKEN_INVALID,
      });
    }
  });

  test("nobody may play, report or look back without signing in; packaging is for operators", async () => {
    const nobody = bed.as();
    expect(await refusal(nobody.startPlayback({ trackId }))).toMatchObject({ code: Code.Unauthenticated });
    expect(await refusal(nobody.reportPlayback({ playbackId: newId("pb"), kind: STARTED }))).toMatchObject({
      code: Code.Unauthenticated,
    });
    expect(await refusal(nobody.listHistory({}))).toMatchObject({ code: Code.Unauthenticated });
    expect(await refusal(bed.as(listenerId).watchPackaging({}))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });
});
