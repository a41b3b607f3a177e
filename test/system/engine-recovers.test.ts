import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { type EngineBed, openEngineBed } from "../src/engine-bed.ts";
import { knownMusic, wav } from "../src/known-music.ts";
import { packageTrack } from "../src/packaged-track.ts";

const EXAMPLE = new URL("../../web/src/player/example.ts", import.meta.url);

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

test("bytes that cannot be decoded cost a moment: the track is the one that had begun, and the next one follows", async () => {
  await mkdir(join(bed.folder, "playbacks"));
  for (const [name, seconds] of [
    ["a", 6],
    ["b", 1],
  ] as const) {
    const source = wav(knownMusic(0, seconds * 48_000, 48_000), 48_000);
    const playback = await packageTrack(bed.folder, { name, source, codec: "opus", bitratesKbps: [64] });
    await writeFile(join(bed.folder, "playbacks", `${name}.json`), JSON.stringify(playback));
  }
  const page = await bed.open(EXAMPLE, "<button>Play</button>");
  let requests = 0;
  await page.route("**/a-opus/**", async (route) => {
    if (++requests !== 2) return route.continue();
    await page.getByText("a sounds first").waitFor();
    await route.fulfill({ status: 206, body: "\0".repeat(500_000) });
  });
  await page.getByRole("button").click();
  await page.getByText("That was all").waitFor();
  const said = await page.locator("body").innerText();
  // The silence until other bytes are there may be said.
  expect(said.replaceAll("The line is too slow. ", "").replace("Play", "").trim()).toBe(
    "a sounds first. b sounds without a gap. That was all.",
  );
}, 60_000);
