import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { openListeningPage } from "../src/listening-page.ts";
import { type TestSystem, theSystem } from "../src/system.ts";

const HOUR_MS = 3_600_000;

let system: TestSystem;
let browser: Browser;
beforeAll(async () => {
  system = await theSystem();
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
});
afterAll(() => browser?.close());

/** A browser whose pages live by a clock of the test's, so far ahead of the system's. */
async function browserAhead(aheadMs: number): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: system.system.gatewayUrl });
  await context.clock.install({ time: Date.now() + aheadMs });
  return context;
}

test.each([
  ["ahead", HOUR_MS],
  ["behind", -HOUR_MS],
])(
  "a browser's clock is an hour %s: its listener is signed in, hears music, and gets new URLs for stale ones",
  async (_, aheadMs) => {
    const context = await browserAhead(aheadMs);
    const { page, seekTo } = await openListeningPage(system, context);
    // Who decides whether a token or a URL is still good is the gateway: the cookies say how long, not until when.
    const tokens = (await context.cookies()).filter(({ httpOnly }) => httpOnly);
    expect(tokens.length).toBeGreaterThan(0);
    let refused = 0;
    await page.route("**/media/player/**", (route) =>
      refused++ === 0 ? route.fulfill({ status: 403, body: "this URL has expired" }) : route.continue(),
    );
    await seekTo(0.5);
    expect(refused).toBeGreaterThan(1);
    await context.close();
  },
  60_000,
);

test("the network is lost for a minute in mid-track: the music comes back by itself, where it was", async () => {
  const context = await browserAhead(0);
  const { page, slider, heardFrom } = await openListeningPage(system, context);
  await context.setOffline(true);
  await slider.fill("60000");
  const reconnecting = page.getByText("Reconnecting…");
  await reconnecting.waitFor();
  // A minute of the page's clock: each step wakes whoever waits, to fail again.
  for (let s = 0; s < 60; s += 5) await page.clock.fastForward(5_000);
  expect(await reconnecting.isVisible()).toBe(true);
  await context.setOffline(false);
  await heardFrom(60);
  await reconnecting.waitFor({ state: "hidden" });
  await context.close();
}, 60_000);
