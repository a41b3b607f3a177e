import {
  Codec,
  RenditionSchema,
  StartPlaybackResponseSchema,
} from "@antiphon/proto/antiphon/player/v1/player";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { playbackFrom, supportedCodecs, UnsupportedAudioError } from "./playback.ts";

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

  it("begins with what is no music where the codec needs it", () => {
    const primed = { ...response, primingSamples: 960 };
    expect(playbackFrom(primed, () => true)).toMatchObject({
      primingS: 0.02,
      boundariesS: [0, 1.98, 3.98, 5],
    });
  });

  it("brings the first segment where it came with the answer, whole", () => {
    const lowest = { init: { offset: 0n, length: 2 }, segments: [{ offset: 2n, length: 3 }] };
    const renditions = [create(RenditionSchema, { id: "o24", mimeType: "opus", ...lowest })];
    const withBytes = (...bytes: number[]) =>
      playbackFrom({ ...response, renditions, firstSegment: Uint8Array.from(bytes) }, () => true).first;
    expect(withBytes(1, 2, 3, 4, 5)).toMatchObject({
      init: Uint8Array.of(1, 2),
      media: Uint8Array.of(3, 4, 5),
      rendition: { id: "o24" },
    });
    expect(withBytes(1, 2, 3)).toBeUndefined();
    expect(withBytes()).toBeUndefined();
  });

  it("brings the waveform, and keeps nothing else of the answer for it", () => {
    const answer = Uint8Array.of(9, 9, 1, 2, 3);
    const { peaks } = playbackFrom({ ...response, peaks: answer.subarray(2) }, () => true);
    expect(peaks).toEqual(Uint8Array.of(1, 2, 3));
    expect(peaks?.buffer.byteLength).toBe(3);
  });

  it("is asked for in the codecs that the browser takes, Opus before AAC", () => {
    expect(supportedCodecs(() => true)).toEqual([Codec.OPUS, Codec.AAC]);
    expect(supportedCodecs((type) => type.includes("mp4a"))).toEqual([Codec.AAC]);
  });

  it("says what was on offer when the browser takes none of it", () => {
    expect(() => playbackFrom(response, () => false)).toThrow(UnsupportedAudioError);
    expect(() => playbackFrom(response, () => false)).toThrow("opus, aac");
  });
});
