import { describe, expect, it } from "vitest";
import { type AbrInput, byBuffer, byThroughput, chooseQuality, shouldAbandon } from "./abr.ts";

const ladder = [24, 64, 128, 256];
const input = (change: Partial<AbrInput>): AbrInput => ({
  bitratesKbps: ladder,
  throughputKbps: 1_000,
  bufferS: 20,
  bufferTargetS: 30,
  starting: false,
  segmentS: 2,
  ...change,
});

describe("the choice of a quality", () => {
  it("starts with what arrives within a tenth of a second", () => {
    expect(chooseQuality(input({ starting: true, bufferS: 0, throughputKbps: 1_500 }))).toBe(1);
    expect(chooseQuality(input({ starting: true, bufferS: 0, throughputKbps: 6_000 }))).toBe(3);
  });

  it("spends four fifths of the throughput while the buffer is low", () => {
    expect(chooseQuality(input({ bufferS: 2, throughputKbps: 330 }))).toBe(3);
    expect(chooseQuality(input({ bufferS: 2, throughputKbps: 300 }))).toBe(2);
  });

  it("takes the lowest quality when even that is more than the link carries", () => {
    expect(chooseQuality(input({ bufferS: 1, throughputKbps: 10 }))).toBe(0);
  });

  it("does not dip on a fast link while the buffer fills from healthy to full", () => {
    const chosen = [10, 14, 18, 22, 26, 30].map((bufferS) =>
      chooseQuality(input({ bufferS, throughputKbps: 5_000 })),
    );
    expect(new Set(chosen)).toEqual(new Set([3]));
  });

  it("lets a full buffer pay for one step more than the link sustains, and no more", () => {
    expect(chooseQuality(input({ bufferS: 30, throughputKbps: 170 }))).toBe(3);
    expect(chooseQuality(input({ bufferS: 30, throughputKbps: 70 }))).toBe(1);
  });

  it("settles for one quality when the ladder has one rung", () => {
    expect(chooseQuality(input({ bitratesKbps: [96] }))).toBe(0);
  });
});

describe("BOLA", () => {
  it("goes up with the buffer, and never down", () => {
    const chosen = Array.from({ length: 31 }, (_, bufferS) => byBuffer(ladder, bufferS, 30));
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(chosen[0]).toBe(0);
    expect(chosen[30]).toBe(3);
  });
});

describe("throughput as the guide", () => {
  it("takes the highest bitrate that fits", () => {
    expect(byThroughput(ladder, 128)).toBe(2);
    expect(byThroughput(ladder, 127)).toBe(1);
  });
});

describe("giving up a download", () => {
  const slow = {
    totalBytes: 64_000,
    receivedBytes: 16_000,
    elapsedMs: 1_000,
    fallbackBytes: 6_000,
    bufferS: 1,
  };

  it("happens when it would come after the buffer has run out, and the fallback earlier", () => {
    expect(shouldAbandon(slow)).toBe(true);
  });

  it("does not happen while the buffer can wait", () => {
    expect(shouldAbandon({ ...slow, bufferS: 10 })).toBe(false);
  });

  it("does not happen when the fallback would take longer than the rest", () => {
    expect(shouldAbandon({ ...slow, fallbackBytes: 60_000 })).toBe(false);
  });

  it("does not happen before there is something to judge by", () => {
    expect(shouldAbandon({ ...slow, elapsedMs: 100 })).toBe(false);
    expect(shouldAbandon({ ...slow, receivedBytes: 0 })).toBe(false);
  });
});
