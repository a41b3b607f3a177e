/// <reference lib="dom" />
import { type Browser, chromium } from "playwright-core";
import { createElement, type FunctionComponent } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { coverOf } from "../../services/catalog/src/cover.ts";
import { smallerCovers } from "../../services/catalog/src/smaller-covers.ts";
import { picture } from "../../services/catalog/testing/music.ts";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";

const PAGE = "http://covers.test/";
/** What the compiler of the tests does not read: it has JSX and a style sheet. */
const COVER = new URL("../../web/src/ui/cover.tsx", import.meta.url).href;
interface CoverModule {
  readonly Cover: FunctionComponent<{ coverId: string; albumKey: string; width?: number }>;
}

let browser: Browser;
beforeAll(async () => {
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
});
afterAll(() => browser?.close());

test.each([
  { width: 44, deviceScaleFactor: 1, side: 64 },
  { width: 44, deviceScaleFactor: 3, side: 300 },
  { width: 200, deviceScaleFactor: 1, side: 300 },
  { width: 320, deviceScaleFactor: 2, side: 640 },
])(
  "a cover $width px wide at $deviceScaleFactor× loads the picture of $side px, and no other one",
  async ({ width, deviceScaleFactor, side }) => {
    const { Cover } = (await import(COVER)) as CoverModule;
    const cover = coverOf(await picture(1_000, 1_000))!;
    const stored = [cover, ...(await smallerCovers(cover))];
    const page = await browser.newPage({ deviceScaleFactor });
    const sent: { id: string; bytes: number }[] = [];
    const shown = createElement(Cover, { coverId: cover.id, albumKey: "", width });
    await page.route(`${PAGE}**`, (route) => {
      const id = new URL(route.request().url()).pathname.split("/").at(-1) ?? "";
      const found = stored.find((each) => each.id === id);
      if (!found) return route.fulfill({ contentType: "text/html", body: renderToStaticMarkup(shown) });
      sent.push({ id, bytes: found.bytes.length });
      return route.fulfill({ contentType: found.contentType, body: Buffer.from(found.bytes) });
    });
    await page.goto(PAGE);
    const image = page.locator("img.cover");
    const loaded = await image.evaluate(async (img: HTMLImageElement) => {
      await img.decode();
      return { src: img.currentSrc, width: img.naturalWidth };
    });
    expect(loaded.src).toBe(`${PAGE}media/catalog/${cover.id.replace(".jpg", `_${side}.webp`)}`);
    const { bytes } = stored.find(({ id }) => loaded.src.endsWith(id))!;
    expect(sent).toEqual([{ id: loaded.src.split("/").at(-1), bytes: bytes.length }]);
    expect(bytes.length).toBeLessThan(cover.bytes.length);
    await page.close();
  },
);
