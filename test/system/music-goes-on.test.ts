/// <reference lib="dom" />
import { until } from "@antiphon/mesh/testing";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { PASSWORD, type TestSystem, theSystem } from "../src/system.ts";

/** One listener who hears one track, while parts of the system are taken away. */
let system: TestSystem;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  system = await theSystem();
  const { email } = await system.register();
  browser = await chromium.launch({
    executablePath: ensureChromium((line) => console.error(line)),
    args: chromiumArgs,
  });
  context = await browser.newContext({ baseURL: system.system.gatewayUrl });
  page = await context.newPage();
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByTestId("listener-name").waitFor();
  const { title, id } = system.tracks[0]!;
  await page.goto(`/search?q=${encodeURIComponent(title)}`);
  await page
    .locator(`[data-testid=track-row][data-track-id=${id}]`)
    .getByRole("button", { name: /^Play / })
    .click();
  await heardFrom(0);
});
afterAll(() => browser?.close());

const audio = () => page.getByTestId("audio");
const position = () => audio().evaluate((element) => (element as HTMLAudioElement).currentTime);

/** Seconds of music ahead of the playhead. */
const bufferedS = () =>
  audio().evaluate((element) => {
    const { buffered, currentTime } = element as HTMLAudioElement;
    return buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime;
  });

/** Waits until a second of music has sounded behind `fromS`. */
async function heardFrom(fromS: number): Promise<void> {
  await until(async () => (await position()) > fromS + 1, {
    what: `music behind second ${fromS}`,
    timeoutMs: 30_000,
  });
}

/** Moves to a place of which nothing is buffered: what sounds there was fetched after this. */
async function seekTo(share: number): Promise<void> {
  const slider = page.getByTestId("player").getByTestId("seek");
  const targetS = Math.round(Number(await slider.getAttribute("max")) * share) / 1000;
  await slider.fill(String(Math.round(targetS) * 1000));
  await heardFrom(Math.round(targetS));
}

/** How often the music stops while `disturb` runs and for a while after. */
async function stallsWhile(disturb: () => Promise<void>): Promise<number> {
  await until(async () => (await bufferedS()) > 8, { what: "some seconds in the buffer", timeoutMs: 30_000 });
  await audio().evaluate((element) => {
    element.dataset.stalls = "0";
    element.onwaiting = () => {
      element.dataset.stalls = String(Number(element.dataset.stalls) + 1);
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

test("the network is lost for a while: the music comes back by itself", async () => {
  const slider = page.getByTestId("player").getByTestId("seek");
  await context.setOffline(true);
  await slider.fill("60000");
  await page.getByText("Reconnecting…").waitFor();
  await context.setOffline(false);
  await heardFrom(60);
});
