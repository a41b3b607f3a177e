/// <reference lib="dom" />
import { until } from "@antiphon/mesh/testing";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { type ListeningPage, openListeningPage } from "../src/listening-page.ts";
import { type TestSystem, theSystem } from "../src/system.ts";

/** One listener who hears one track, while parts of the system are taken away. */
let system: TestSystem;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let position: ListeningPage["position"];
let heardFrom: ListeningPage["heardFrom"];
let seekTo: ListeningPage["seekTo"];

beforeAll(async () => {
  system = await theSystem();
  browser = await chromium.launch({
    executablePath: ensureChromium((line) => console.error(line)),
    args: chromiumArgs,
  });
  context = await browser.newContext({ baseURL: system.system.gatewayUrl });
  ({ page, position, heardFrom, seekTo } = await openListeningPage(system, context));
});
afterAll(() => browser?.close());

const audio = () => page.getByTestId("audio");

/** Seconds of music ahead of the playhead. */
const bufferedS = () =>
  audio().evaluate((element) => {
    const { buffered, currentTime } = element as HTMLAudioElement;
    return buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime;
  });

/** How often the music stops for want of bytes while `disturb` runs and for a while after. */
async function stallsWhile(disturb: () => Promise<void>): Promise<number> {
  await until(async () => (await bufferedS()) > 8, { what: "some seconds in the buffer", timeoutMs: 30_000 });
  await audio().evaluate((element) => {
    element.dataset.stalls = "0";
    element.onwaiting = () => {
      const { buffered, currentTime } = element as HTMLAudioElement;
      const leftS = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime;
      if (leftS < 1) element.dataset.stalls = String(Number(element.dataset.stalls) + 1);
    };
  });
  const before = await position();
  await disturb();
  await heardFrom(Math.max(await position(), before) + 1);
  return Number(await audio().getAttribute("data-stalls"));
}

test("a player replica is killed, then the other one: what is buffered plays, what is not is fetched", async () => {
  const second = await system.system.startReplica("player");
  const first = system.system.instance("player", 1);
  // Each of them in turn is the gateway's only upstream.
  expect(await stallsWhile(() => first.kill())).toBe(0);
  await seekTo(0.4);
  await first.restart();
  expect(await stallsWhile(() => second.kill())).toBe(0);
  await seekTo(0.7);
});

test("NATS is killed: the music goes on, and another track starts", async () => {
  const { nats } = system.system;
  expect(await stallsWhile(() => nats.kill())).toBe(0);
  await seekTo(0.1);
  await page
    .getByRole("button", { name: /^Play / })
    .first()
    .click();
  await heardFrom(0);
  await nats.restart();
});

test("the listener chooses a quality: it is heard within seconds, and kept to", async () => {
  const quality = page.getByTestId("quality");
  const choose = async (name: string) => {
    await quality.click();
    await page.getByRole("menuitemradio", { name }).click();
  };
  for (const kbps of [24, 64]) {
    await choose(`${kbps} kbit/s`);
    await until(async () => (await quality.getAttribute("data-kbps")) === String(kbps), {
      what: `${kbps} kbit/s to be heard`,
      timeoutMs: 30_000,
    });
  }
  await choose("Automatic");
  await quality.click();
  await page.getByRole("menuitem", { name: "Statistics" }).click();
  await page
    .getByTestId("statistics")
    .getByText(/^opus \d+ kbit/)
    .waitFor();
});

// The last one: a quality whose bytes could not be played is left out for a minute.
test("a URL expires in mid-track, and bytes are altered on the way: the music goes on", async () => {
  const answers = [
    { status: 403, body: "this URL has expired" },
    { status: 206, body: "no music at all" },
    { status: 206, body: "\0".repeat(500_000) },
  ];
  let answered = 0;
  await page.route("**/media/player/**", (route) => {
    const answer = answers[answered++];
    return answer ? route.fulfill(answer) : route.continue();
  });
  await seekTo(0.85);
  await page.unroute("**/media/player/**");
  expect(answered).toBeGreaterThan(answers.length);
});
