import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPage, readText } from "../docs/markdown.ts";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { type EngineBed, openEngineBed } from "../src/engine-bed.ts";
import { knownMusic, wav } from "../src/known-music.ts";
import { packageTrack } from "../src/packaged-track.ts";

const EXAMPLE = "web/src/player/example.ts";

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

test("the engine's README shows the example as it is", () => {
  const blocks = readPage("web/src/player/README.md").blocks.filter(({ language }) => language === "ts");
  expect(blocks.map(({ text }) => text)).toEqual([readText(EXAMPLE)]);
});

test("the example plays its tracks in Chromium, one behind the other", async () => {
  await mkdir(join(bed.folder, "playbacks"));
  for (const name of ["a", "b"]) {
    const source = wav(knownMusic(0, 48_000, 48_000), 48_000);
    const playback = await packageTrack(bed.folder, { name, source, codec: "opus", bitratesKbps: [64] });
    await writeFile(join(bed.folder, "playbacks", `${name}.json`), JSON.stringify(playback));
  }
  const page = await bed.open(new URL(`../../${EXAMPLE}`, import.meta.url), "<button>Play</button>");
  await page.getByRole("button").click();
  await page.getByText("That was all").waitFor();
  const said = await page.locator("body").innerText();
  // On a machine that is starved the line may also be said to be too slow.
  expect(said).toMatch(/a sounds first\. .*b sounds without a gap\. .*That was all\./);
}, 60_000);
