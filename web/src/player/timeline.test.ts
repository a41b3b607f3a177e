import { describe, expect, it } from "vitest";
import type { Playback } from "./playback.ts";
import { Timeline } from "./timeline.ts";

const cue = (uid: number) => ({ uid: String(uid), trackId: `trk_${uid}` });
const lasting = (durationS: number) => ({ durationS }) as Playback;

describe("the timeline", () => {
  it("starts at zero, and lays a track that follows close behind", () => {
    const timeline = new Timeline();
    timeline.layFresh(cue(1));
    timeline.follow(cue(2));
    Object.assign(timeline.current ?? {}, { playback: lasting(90.25) });
    if (timeline.current) timeline.settle(timeline.current);
    expect(timeline.next?.startS).toBe(90.25);
  });

  it("lays a track that does not follow where nothing was laid before", () => {
    const timeline = new Timeline();
    timeline.layFresh(cue(1));
    Object.assign(timeline.current ?? {}, { playback: lasting(90.25) });
    timeline.layFresh(cue(2));
    expect(timeline.current?.startS).toBeGreaterThan(90.25);
  });

  it("never goes back, not even after it was cleared", () => {
    const timeline = new Timeline();
    timeline.layFresh(cue(1));
    Object.assign(timeline.current ?? {}, { playback: lasting(50) });
    timeline.clear();
    timeline.layFresh(cue(2));
    expect(timeline.current?.startS).toBeGreaterThan(50);
  });

  it("keeps what was got ready for a track that is skipped to", () => {
    const timeline = new Timeline();
    timeline.layFresh(cue(1));
    timeline.follow(cue(2));
    const ready = lasting(10);
    Object.assign(timeline.next ?? {}, { playback: ready });
    timeline.layFresh(cue(2));
    expect(timeline.current?.playback).toBe(ready);
    timeline.layFresh(cue(3));
    expect(timeline.current?.playback).toBeUndefined();
  });
});
