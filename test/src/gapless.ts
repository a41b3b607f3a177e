import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CodecName, LADDERS } from "../../services/player/src/ladder.ts";
import type { EngineBed } from "./engine-bed.ts";
import type { GaplessPage } from "./gapless-page.ts";
import { knownMusic, lagOf, wav } from "./known-music.ts";
import { packageTrack } from "./packaged-track.ts";

/** Three tracks of one piece of music, cut where no packet ends. Their rates differ. */
const TRACKS = [
  { name: "a", samples: 135_240, sampleRateHz: 44_100 },
  { name: "b", samples: 126_080, sampleRateHz: 48_000 },
  { name: "c", samples: 96_000, sampleRateHz: 96_000 },
];
const SEGMENT_S = 2;
const PAGE = new URL("gapless-page.ts", import.meta.url);

/** Where a track starts in the music. */
function startS(index: number): number {
  return TRACKS.slice(0, index).reduce((sum, track) => sum + track.samples / track.sampleRateHz, 0);
}

const sources = () =>
  TRACKS.map(({ name, samples, sampleRateHz }, index) => ({
    name,
    source: wav(knownMusic(startS(index), samples, sampleRateHz), sampleRateHz),
  }));

/** Packages the tracks, lets the engine play them, and resolves with what went to the speakers. */
export async function listenTo(bed: EngineBed, codec: CodecName, bitratesKbps: readonly number[]) {
  const packaging = sources().map((each) => packageTrack(bed.folder, { ...each, codec, bitratesKbps }));
  const playbacks = await Promise.all(packaging);
  const page = await bed.open(PAGE);
  const { samples, bitrates } = await page.evaluate(
    ([tracks, rate]) => (globalThis as unknown as GaplessPage).record(tracks, rate),
    [playbacks, LADDERS[codec].sampleRateHz] as const,
  );
  await page.close();
  return { recorded: floats(samples), bitrates };
}

/** The same with an audio element that is given the next file when one has ended. */
export async function listenToFiles(bed: EngineBed, sampleRateHz: number): Promise<Float32Array> {
  const files = sources();
  await Promise.all(files.map(({ name, source }) => writeFile(join(bed.folder, `${name}.wav`), source)));
  const page = await bed.open(PAGE);
  const samples = await page.evaluate(
    ([urls, rate]) => (globalThis as unknown as GaplessPage).recordFiles(urls, rate),
    [files.map(({ name }) => `/${name}.wav`), sampleRateHz] as const,
  );
  await page.close();
  return floats(samples);
}

function floats(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, "base64")).buffer);
}

/** One place where tracks join or the quality changes. */
export interface Join {
  /** How many samples more (or less) lie between what sounds before and behind it than in the music. */
  readonly slip: number;
  /** How much of what sounds around it is the music, up to 1: across the place itself, and before and behind. */
  readonly across: number;
  readonly beside: number;
}

/** Looks at both joins, and at two of the changes of quality, of which there is one at each segment. */
export function joinsIn(recorded: Float32Array, sampleRateHz: number): Join[] {
  const whole = knownMusic(0, Math.round(startS(TRACKS.length) * sampleRateHz), sampleRateHz);
  const first = recorded.findIndex((sample) => Math.abs(sample) > 0.02);
  const near = { low: -first - 9_000, high: -first + 9_000 };
  const { lag } = lagOf(recorded, whole, { from: first + 20_000, length: 3_000, ...near });
  const look = (position: number, length: number, reach: number) =>
    lagOf(recorded, whole, { from: position - lag, length, low: lag - reach, high: lag + reach });
  return [startS(1), startS(2), SEGMENT_S, startS(1) + SEGMENT_S].map((changeS) => {
    const place = Math.round(changeS * sampleRateHz);
    const [before, behind] = [look(place - 6_000, 4_000, 1_500), look(place + 2_000, 4_000, 1_500)];
    return {
      slip: before.lag - behind.lag,
      across: look(place - 600, 1_200, 2).likeness,
      beside: Math.min(before.likeness, behind.likeness),
    };
  });
}

/** The longest silence between the first and the last sound, in samples. */
export function longestSilence(recorded: Float32Array): number {
  const sounds = (sample: number) => Math.abs(sample) > 0.001;
  let [longest, run] = [0, 0];
  for (let at = recorded.findIndex(sounds); at <= recorded.findLastIndex(sounds); at++) {
    run = sounds(recorded[at] ?? 0) ? 0 : run + 1;
    longest = Math.max(longest, run);
  }
  return longest;
}
