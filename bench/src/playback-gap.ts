import type { Browser } from "playwright-core";
import { type CodecName, LADDERS } from "../../services/player/src/ladder.ts";
import { type EngineBed, openEngineBed } from "../../test/src/engine-bed.ts";
import { joinsIn, listenTo, listenToFiles, longestSilence } from "../../test/src/gapless.ts";
import type { Line } from "./report.ts";

/**
 * What lies between tracks that follow one another, as it goes to the speakers: samples more or less than in
 * the music, in AAC and in Opus, with another quality in each segment. The peer is an audio element that is
 * given the next file when one has ended. Quick: AAC alone.
 */
export async function gapLines(browser: Browser, quick: boolean): Promise<Line[]> {
  const ladders = [["aac", [96, 320]] as const, ["opus", [64, 256]] as const];
  // Each takes as long as the music lasts: side by side.
  const [silence, heard] = await Promise.all([
    withBed(browser, async (bed) => longestSilence(await listenToFiles(bed, LADDERS.aac.sampleRateHz))),
    withBed(browser, async (bed) => {
      const heard: Heard[] = [];
      for (const [codec, rungs] of quick ? ladders.slice(0, 1) : ladders)
        heard.push({ codec, ...(await listenTo(bed, codec, rungs)) });
      return heard;
    }),
  ]);
  return heard.map((each) => lineOf(each, silence));
}

interface Heard extends Awaited<ReturnType<typeof listenTo>> {
  readonly codec: CodecName;
}

function lineOf({ codec, recorded, bitrates }: Heard, silence: number): Line {
  const joins = joinsIn(recorded, LADDERS[codec].sampleRateHz);
  const gap = Math.max(...joins.map(({ slip }) => Math.abs(slip)));
  return {
    bench: "playback",
    metric: codec === "aac" ? "gap_samples" : `gap_samples_${codec}`,
    unit: "samples",
    n: joins.length,
    offered: joins.length,
    achieved: joins.length,
    ours: gap,
    against: "progressive",
    peer: silence,
    ratio: gap / silence,
    // The proof that it was the music, and that the quality changed.
    likeness: Math.min(...joins.flatMap(({ across, beside }) => [across, beside])),
    bitrates_heard: bitrates,
  };
}

async function withBed<T>(browser: Browser, work: (bed: EngineBed) => Promise<T>): Promise<T> {
  const bed = await openEngineBed(browser);
  try {
    return await work(bed);
  } finally {
    await bed.close();
  }
}
