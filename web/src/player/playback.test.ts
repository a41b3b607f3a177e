import { StartPlaybackResponseSchema } from "@antiphon/proto/antiphon/player/v1/player";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { playbackFrom, UnsupportedAudioError } from "./playback.ts";

const response = create(StartPlaybackResponseSchema, {
  playbackId: "pb_1",
  renditions: [
    { id: "o128", bitrateKbps: 128, mimeType: "opus" },
    { id: "o64", bitrateKbps: 64, mimeType: "opus", init: { offset: 0n, length: 700 } },
    { id: "a96", bitrateKbps: 96, mimeType: "aac" },
  ],
  segmentSamples: [96_000, 96_000, 48_960],
  sampleRateHz: 48_000,
  totalSamples: 240_600n,
});

describe("a playback", () => {
  it("has boundaries in seconds, and ends where the music does", () => {
    const playback = playbackFrom(response, () => true);
    expect(playback.boundariesS).toEqual([0, 2, 4, 5.02]);
    expect(playback.durationS).toBeCloseTo(5.0125);
  });

  it("never mixes codecs, and goes from the lowest to the highest bitrate", () => {
    expect(playbackFrom(response, () => true).renditions.map((r) => r.id)).toEqual(["o64", "o128"]);
    expect(playbackFrom(response, (type) => type === "aac").renditions.map((r) => r.id)).toEqual(["a96"]);
  });

  it("says what was on offer when the browser takes none of it", () => {
    expect(() => playbackFrom(response, () => false)).toThrow(UnsupportedAudioError);
    expect(() => playbackFrom(response, () => false)).toThrow("opus, aac");
  });
});
