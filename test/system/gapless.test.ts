/// <reference lib="dom" />
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CodecName, LADDERS } from "../../services/player/src/ladder.ts";
import { bundle } from "../../web/testing/bundle.ts";
import { sendFile } from "../../web/testing/send-file.ts";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import type { GaplessPage } from "../src/gapless-page.ts";
import { knownMusic, lagOf, wav } from "../src/known-music.ts";
import { packageTrack } from "../src/packaged-track.ts";

/** Three tracks of one piece of music, cut where no packet ends. Their rates differ. */
const TRACKS = [
  { name: "a", samples: 135_240, sampleRateHz: 44_100 },
  { name: "b", samples: 126_080, sampleRateHz: 48_000 },
  { name: "c", samples: 96_000, sampleRateHz: 96_000 },
];

const SEGMENT_S = 2;

let folder: string;
let server: Server;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "antiphon-gapless-"));
  const entry = fileURLToPath(new URL("../src/gapless-page.ts", import.meta.url));
  await writeFile(join(folder, "page.js"), await bundle(entry));
  await writeFile(join(folder, "index.html"), '<!doctype html><script type="module" src="page.js"></script>');
  server = createServer((asked, answer) => {
    sendFile(join(folder, asked.url ?? ""), asked, answer).catch(() => answer.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
});
afterAll(async () => {
  await browser?.close();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Packages the tracks, plays them in Chromium, and resolves with what went to the speakers. */
async function listenTo(codec: CodecName, bitratesKbps: readonly number[]) {
  const playbacks = await Promise.all(
    TRACKS.map(({ name, samples, sampleRateHz }, index) => {
      const source = wav(knownMusic(startS(index), samples, sampleRateHz), sampleRateHz);
      return packageTrack(folder, { name, source, codec, bitratesKbps });
    }),
  );
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`);
  const { samples, bitrates } = await page.evaluate(
    ([tracks, rate]) => (globalThis as unknown as GaplessPage).record(tracks, rate),
    [playbacks, LADDERS[codec].sampleRateHz] as const,
  );
  await page.close();
  return { recorded: new Float32Array(Buffer.from(samples, "base64").buffer), bitrates };
}

/** Where a track starts in the music. */
function startS(index: number): number {
  return TRACKS.slice(0, index).reduce((sum, track) => sum + track.samples / track.sampleRateHz, 0);
}

/**
 * How many samples more (or less) lie between two stretches of the recording than of the music: around each
 * join, and around a change of quality, of which there is one at each segment.
 */
function slips(recorded: Float32Array, sampleRateHz: number): number[] {
  const whole = knownMusic(0, Math.round(startS(TRACKS.length) * sampleRateHz), sampleRateHz);
  const first = recorded.findIndex((sample) => Math.abs(sample) > 0.02);
  const near = { low: -first - 9_000, high: -first + 9_000 };
  const { lag } = lagOf(recorded, whole, { from: first + 20_000, length: 3_000, ...near });
  const lagAt = (position: number, length: number, reach: number, alike: number) => {
    const range = { low: lag - reach, high: lag + reach };
    const found = lagOf(recorded, whole, { from: position - lag, length, ...range });
    expect(found.likeness, `what is heard from sample ${position} on`).toBeGreaterThan(alike);
    return found.lag;
  };
  const changesS = [startS(1), startS(2), SEGMENT_S, startS(1) + SEGMENT_S];
  return changesS.map((changeS) => {
    const place = Math.round(changeS * sampleRateHz);
    // What sounds across the place itself is the music as well, if a little rougher where an encoder begins.
    lagAt(place - 600, 1_200, 2, 0.8);
    return lagAt(place - 6_000, 4_000, 1_500, 0.9) - lagAt(place + 2_000, 4_000, 1_500, 0.9);
  });
}

test("tracks join without a sample more or less in AAC, and so do qualities", async () => {
  const { recorded, bitrates } = await listenTo("aac", [96, 320]);
  expect(slips(recorded, 44_100)).toEqual([0, 0, 0, 0]);
  expect(bitrates.length, `heard ${bitrates}`).toBeGreaterThanOrEqual(4);
}, 60_000);

test("tracks join within a sample in Opus, and so do qualities", async () => {
  const { recorded, bitrates } = await listenTo("opus", [64, 256]);
  for (const slip of slips(recorded, 48_000)) expect(Math.abs(slip)).toBeLessThanOrEqual(1);
  expect(bitrates.length, `heard ${bitrates}`).toBeGreaterThanOrEqual(4);
}, 60_000);
