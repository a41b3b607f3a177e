import { describe, expect, it } from "vitest";
import { type Job, type Programme, planNext, programmeAt, type Situation } from "./plan.ts";
import type { LoadedSegment, Playback } from "./playback.ts";

const playback = (durationS: number): Playback => ({
  id: "pb",
  trackId: "trk",
  renditions: [],
  boundariesS: Array.from({ length: Math.ceil(durationS / 2) + 1 }, (_, i) => i * 2),
  durationS,
  primingS: 0,
  gainDb: 0,
  first: undefined,
  ladderGrows: false,
});
const programme = (uid: number, startS: number, durationS?: number): Programme => ({
  ...programmeAt({ uid: String(uid), trackId: "trk" }, startS),
  playback: durationS === undefined ? undefined : playback(durationS),
});
const at = (playheadS: number, ...ranges: [number, number][]): Situation => ({
  playheadS,
  ranges: ranges.map(([start, end]) => ({ start, end })),
  targetS: 30,
});
const say = (job: Job | undefined) => {
  if (!job || job.kind === "finish") return job?.kind;
  return `${job.kind} ${job.programme.cue.uid}${job.kind === "segment" ? `/${job.index}` : ""}`;
};

describe("what to load next", () => {
  it("is nothing while nothing is to be played", () => {
    expect(planNext(undefined, undefined, at(0))).toBeUndefined();
  });

  it("is the playback of the current track, before anything else", () => {
    expect(say(planNext(programme(1, 0), programme(2, 0), at(0)))).toBe("open 1");
  });

  it("is the first segment that is missing from the playhead on", () => {
    expect(say(planNext(programme(1, 0, 100), undefined, at(0)))).toBe("segment 1/0");
    expect(say(planNext(programme(1, 0, 100), undefined, at(5, [4, 8])))).toBe("segment 1/4");
  });

  it("is the segment at the playhead after a seek, not what lies between", () => {
    expect(say(planNext(programme(1, 10, 100), undefined, at(91, [10, 40])))).toBe("segment 1/40");
  });

  it("is not looked for beyond the target", () => {
    expect(planNext(programme(1, 0, 100), undefined, at(0, [0, 30]))).toBeUndefined();
  });

  it("gets the next track ready once the current one is ahead enough", () => {
    const current = programme(1, 0, 100);
    expect(say(planNext(current, programme(2, 100), at(0, [0, 30])))).toBe("open 2");
    const next = programme(2, 100, 50);
    expect(say(planNext(current, next, at(0, [0, 30])))).toBe("preload 2");
    next.preloaded = {} as LoadedSegment;
    expect(planNext(current, next, at(0, [0, 30]))).toBeUndefined();
  });

  it("goes on into the next track without a gap", () => {
    const next = programme(2, 11, 50);
    expect(say(planNext(programme(1, 0, 11), next, at(0, [0, 11])))).toBe("segment 2/0");
    expect(say(planNext(programme(1, 0, 11), next, at(0, [0, 15])))).toBe("segment 2/2");
  });

  it("is the end of the stream when the last track is complete and none follows", () => {
    expect(say(planNext(programme(1, 0, 11), undefined, at(0, [0, 11])))).toBe("finish");
    expect(planNext(programme(1, 0, 100), undefined, at(0, [0, 40]))).toBeUndefined();
  });

  it("is not the same segment again where the media has a hole", () => {
    const current = programme(1, 0, 100);
    current.appended.add(0);
    expect(say(planNext(current, undefined, at(0, [0, 1.2])))).toBe("segment 1/1");
  });

  it("leaves out a last segment that is all padding", () => {
    const current = programme(1, 0, 4);
    const padded = { ...current, playback: { ...playback(4), boundariesS: [0, 2, 4, 4.02] } };
    expect(say(planNext(padded, undefined, at(0, [0, 4])))).toBe("finish");
  });
});
