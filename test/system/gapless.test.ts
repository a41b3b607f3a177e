import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { type EngineBed, openEngineBed } from "../src/engine-bed.ts";
import { type Join, joinsIn, listenTo } from "../src/gapless.ts";

let browser: Browser;
let bed: EngineBed;

beforeAll(async () => {
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
  bed = await openEngineBed(browser);
});
afterAll(async () => {
  await browser?.close();
  await bed?.close();
});

/** What sounds is the music, if a little rougher where an encoder begins. */
function expectMusic(joins: readonly Join[]): void {
  expect(Math.min(...joins.map(({ beside }) => beside))).toBeGreaterThan(0.9);
  expect(Math.min(...joins.map(({ across }) => across))).toBeGreaterThan(0.8);
}

test("tracks join without a sample more or less in AAC, and so do qualities", async () => {
  const { recorded, bitrates } = await listenTo(bed, "aac", [96, 320]);
  const joins = joinsIn(recorded, 44_100);
  expectMusic(joins);
  expect(joins.map(({ slip }) => slip)).toEqual([0, 0, 0, 0]);
  expect(bitrates.length, `heard ${bitrates}`).toBeGreaterThanOrEqual(4);
}, 60_000);

test("tracks join within a sample in Opus, and so do qualities", async () => {
  const { recorded, bitrates } = await listenTo(bed, "opus", [64, 256]);
  const joins = joinsIn(recorded, 48_000);
  expectMusic(joins);
  for (const { slip } of joins) expect(Math.abs(slip)).toBeLessThanOrEqual(1);
  expect(bitrates.length, `heard ${bitrates}`).toBeGreaterThanOrEqual(4);
}, 60_000);
