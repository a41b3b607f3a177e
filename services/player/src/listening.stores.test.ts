import { newId, verifyMediaPath, withTransaction } from "@antiphon/mesh";
import { event } from "@antiphon/mesh/events";
import { until } from "@antiphon/mesh/testing";
import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaybackQualifiedSchema } from "@antiphon/proto/antiphon/player/v1/events";
import {
  Codec,
  PlaybackEventKind,
  PlayerErrorDetailSchema,
  PlayerErrorReason,
  QualityEventKind,
  type ReportQualityRequestSchema,
} from "@antiphon/proto/antiphon/player/v1/player";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakePackager, MEDIA_KEY, type PlayerBed, playerBed } from "../testing/bed.ts";
import { trackStore } from "./track-store.ts";

let bed: PlayerBed;
const listenerId = newId("lst");
const album = { id: newId("alb"), title: "Tones" };

beforeAll(async () => {
  bed = await playerBed();
});
afterAll(() => bed.stop());

/** A packaged track of the album, so loud. */
async function trackOf(title: string, integratedLufs: number, truePeakDbfs: number): Promise<string> {
  const id = await bed.importTrack(title);
  const track = create(TrackSchema, { id, title, album });
  bed.catalog.tracks.set(id, track);
  await withTransaction(bed.pool, (tx) => trackStore(bed.pool).remember(tx, track));
  const { stop } = bed.startPackaging({
    packager: async (order) => {
      const made = await fakePackager(order);
      return { ...made, measured: made.measured && { ...made.measured, integratedLufs, truePeakDbfs } };
    },
  });
  await until(async () => (await bed.jobs.state(id))?.state === "done");
  await stop();
  return id;
}

test("an album has one gain: of its tracks' mean power, and their highest peak", async () => {
  const loud = await trackOf("Loud", -10, -2);
  const quiet = await trackOf("Quiet", -30, -20);
  await trackOf("Silent", -70, Number.NEGATIVE_INFINITY);
  const gains = async (trackId: string) => {
    const { gainDb, albumGainDb } = await bed.as(listenerId).startPlayback({ trackId });
    return [gainDb, albumGainDb].map((gain) => Math.round((gain ?? 0) * 100) / 100);
  };
  // Twice as long at a hundredth of the power: 3 dB less than the loud one. −14 + 12.97 = −1.03.
  expect(await gains(loud)).toEqual([-4, -1.03]);
  expect(await gains(quiet)).toEqual([16, -1.03]);
});

test("a track without an album has no album's gain", async () => {
  const id = await trackOf("Alone", -20, -6);
  const track = create(TrackSchema, { id, title: "Alone" });
  bed.catalog.tracks.set(id, track);
  expect((await bed.as(listenerId).startPlayback({ trackId: id })).albumGainDb).toBeUndefined();
});

describe("playlists for other players", () => {
  async function read(url: string): Promise<string> {
    const { pathname, searchParams } = new URL(url, "http://gateway");
    expect(verifyMediaPath(MEDIA_KEY, pathname, searchParams, bed.clock.now())).toBe("ok");
    const objectId = pathname.split("/").at(-1)!;
    const { sizeBytes, contentType, public: open } = await bed.media.statObject({ objectId });
    expect([contentType, open]).toEqual(["application/vnd.apple.mpegurl", false]);
    const chunks = await Array.fromAsync(bed.media.readObject({ objectId }));
    const text = Buffer.concat(chunks.map(({ chunk }) => chunk)).toString();
    expect(text).toHaveLength(Number(sizeBytes));
    return text;
  }

  test("lead to the ladder's renditions, each signed", async () => {
    const trackId = await trackOf("Listed", -20, -6);
    for (const [codec, rungs] of [
      [Codec.OPUS, 4],
      [Codec.AAC, 4],
    ] as const) {
      const { playlistUrl, renditions } = await bed
        .as(listenerId)
        .startPlayback({ trackId, codecs: [codec] });
      const urls = (await read(playlistUrl)).split("\n").filter((line) => line.startsWith("/"));
      expect(urls).toHaveLength(rungs);
      expect(await read(urls[0]!)).toContain(`#EXT-X-BYTERANGE:20@10\n${renditions[0]!.url}\n`);
    }
  });

  test("are not there for what is not made", async () => {
    const objectId = "hls_opus_n4_00000000000000000000_1790000000.m3u8";
    await expect(bed.media.statObject({ objectId })).rejects.toMatchObject({ code: Code.NotFound });
  });
});

test("that a playback qualified is refused before so much of it can have been heard", async () => {
  // It lasts 2,083 ms, of which 1.5 s are forgiven.
  const trackId = await trackOf("Short", -20, -6);
  const player = bed.as(listenerId);
  const { playbackId } = await player.startPlayback({ trackId });
  const report = { playbackId, kind: PlaybackEventKind.QUALIFIED, idempotencyKey: "k" };
  const counted = () => bed.published(event(PlaybackQualifiedSchema), listenerId);
  bed.clock.advance(580);
  const refused = await player.reportPlayback(report).catch((error: ConnectError) => error);
  expect(refused).toMatchObject({
    code: Code.FailedPrecondition,
    message: expect.stringMatching(/\b3 ms\b/),
  });
  expect((refused as ConnectError).findDetails(PlayerErrorDetailSchema)).toMatchObject([
    { reason: PlayerErrorReason.NOT_HEARD_YET, subject: playbackId },
  ]);
  expect(await counted()).toEqual([]);
  bed.clock.advance(3);
  await player.reportPlayback(report);
  expect(await counted()).toHaveLength(1);
});

test("how listening was is taken in batches, from listeners, within bounds", async () => {
  const event = { kind: QualityEventKind.STARTED, codec: Codec.OPUS, bitrateKbps: 64, durationMs: 80 };
  await bed.as(listenerId).reportQuality({ appVersion: "1.0.0", events: [event, event] });
  const refused: [MessageInitShape<typeof ReportQualityRequestSchema>, string][] = [
    [{ appVersion: "1.0.0", events: [] }, "events"],
    [{ appVersion: "x".repeat(33), events: [event] }, "app_version"],
    [{ appVersion: "1.0.0", events: Array(101).fill(event) }, "events"],
    [{ appVersion: "1.0.0", events: [{ ...event, kind: 0 }] }, "kind"],
    [{ appVersion: "1.0.0", events: [{ ...event, durationMs: 600_001 }] }, "duration_ms"],
  ];
  for (const [report, field] of refused) {
    await expect(bed.as(listenerId).reportQuality(report)).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining(field),
    });
  }
  await expect(bed.as().reportQuality({ appVersion: "1.0.0", events: [event] })).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
});
