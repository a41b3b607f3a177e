import { Codec, PlaybackEventKind, QualityEventKind } from "@antiphon/proto/antiphon/player/v1/player";
import { describe, expect, it } from "vitest";
import type { Playback, Rendition } from "./playback.ts";
import { QualityLog, type QualityReport } from "./quality-log.ts";
import { type Report, ReportQueue } from "./report-queue.ts";
import { Reporter } from "./reporter.ts";

const playback = { id: "pb_1", durationS: 200 } as Playback;

function reporterAt(positionS: number) {
  const sent: Report[] = [];
  const rendition = (bitrateKbps: number) =>
    ({ id: `r${bitrateKbps}`, bitrateKbps, mimeType: 'audio/mp4; codecs="opus"' }) as Rendition;
  const state = { positionS, bufferS: 4, rendition: rendition(64) };
  const told: QualityReport[] = [];
  const quality = new QualityLog(async (report) => told.push(report), "1.0.0");
  const queue = new ReportQueue(
    async (report) => sent.push(report),
    () => true,
  );
  return { sent, state, rendition, told, quality, reporter: new Reporter(queue, quality, () => state) };
}

describe("reports", () => {
  it("say how long the start took", async () => {
    const { reporter, sent } = reporterAt(0);
    reporter.started(playback, 123.4);
    await Promise.resolve();
    expect(sent).toMatchObject([{ kind: PlaybackEventKind.STARTED, startMs: 123, playbackId: "pb_1" }]);
  });

  it("carry one key for each kind, and one for each stall", async () => {
    const { reporter, sent } = reporterAt(31.5);
    reporter.started(playback, 0);
    reporter.stalled();
    reporter.stalled();
    reporter.over("left");
    await new Promise(setImmediate);
    const keys = ["pb_1:STARTED", "pb_1:STALLED:1", "pb_1:STALLED:2", "pb_1:SKIPPED"];
    expect(sent.map((report) => report.idempotencyKey)).toEqual(keys);
    expect(sent[1]).toMatchObject({ positionMs: 31_500, bufferMs: 4_000, renditionId: "r64" });
  });

  it("are silent about a playback that never sounded", async () => {
    const { reporter, sent } = reporterAt(0);
    reporter.over("left");
    await new Promise(setImmediate);
    expect(sent).toEqual([]);
  });
});

describe("the quality of listening", () => {
  it("is told in one batch: start, end of a stall, changes of bitrate, failures", () => {
    const { reporter, state, rendition, told, quality } = reporterAt(10);
    reporter.started(playback, 250);
    reporter.stalled();
    reporter.tick(false);
    reporter.tick(true);
    for (const kbps of [128, 24, 24]) {
      state.rendition = rendition(kbps);
      reporter.tick(true);
    }
    reporter.failed();
    quality.flush();
    quality.flush();
    const { STARTED, STALLED, SWITCHED_UP, SWITCHED_DOWN, FAILED } = QualityEventKind;
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      appVersion: "1.0.0",
      events: [
        { kind: STARTED, codec: Codec.OPUS, bitrateKbps: 64, durationMs: 250 },
        { kind: STALLED, bitrateKbps: 64 },
        { kind: SWITCHED_UP, bitrateKbps: 128 },
        { kind: SWITCHED_DOWN, bitrateKbps: 24 },
        { kind: FAILED, bitrateKbps: 24 },
      ],
    });
  });

  it("leaves out the start of a track that followed without a gap", () => {
    const { reporter, told, quality } = reporterAt(0);
    reporter.started(playback, 0);
    quality.flush();
    expect(told).toEqual([]);
  });
});

describe("the queue of reports", () => {
  it("sends in order, and tries again what failed for the moment", async () => {
    const tried: string[] = [];
    let failures = 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    const queue = new ReportQueue(
      async ({ idempotencyKey = "" }) => {
        tried.push(idempotencyKey);
        if (failures-- > 0) throw new Error("away");
        if (idempotencyKey === "b") resolve();
      },
      () => false,
    );
    queue.push({ idempotencyKey: "a" });
    queue.push({ idempotencyKey: "b" });
    await promise;
    expect(tried).toEqual(["a", "a", "b"]);
  });

  it("drops what can never be accepted", async () => {
    const tried: string[] = [];
    const queue = new ReportQueue(
      async ({ idempotencyKey = "" }) => {
        tried.push(idempotencyKey);
        throw new Error("not found");
      },
      () => true,
    );
    queue.push({ idempotencyKey: "a" });
    queue.push({ idempotencyKey: "b" });
    await new Promise(setImmediate);
    expect(tried).toEqual(["a", "b"]);
  });
});
