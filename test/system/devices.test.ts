/// <reference lib="dom" />
import { until } from "@antiphon/mesh/testing";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { PASSWORD, type TestSystem, theSystem } from "../src/system.ts";

let system: TestSystem;
let browser: Browser;
let email: string;
const contexts: BrowserContext[] = [];
const mistakes: string[] = [];

beforeAll(async () => {
  system = await theSystem();
  ({ email } = await system.register());
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
});
afterAll(() => browser?.close());

/** A browser of its own, signed in. */
async function device(): Promise<Page> {
  const context = await browser.newContext({ baseURL: system.system.gatewayUrl });
  contexts.push(context);
  const page = await context.newPage();
  page.on("pageerror", (error) => mistakes.push(error.message));
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByTestId("listener-name").waitFor();
  return page;
}

const bar = (page: Page) => page.getByTestId("player");
/** Whether sound comes out of the page. */
const sounds = (page: Page) =>
  page.getByTestId("audio").evaluate((audio) => !(audio as HTMLAudioElement).paused);
/** Seconds into the track, as its slider says. */
const position = async (page: Page) => Number(await bar(page).getByTestId("seek").inputValue()) / 1000;
const queued = (page: Page) =>
  page
    .getByRole("list", { name: "Next in the queue" })
    .getByTestId("track-row")
    .evaluateAll((rows) => rows.map((row) => row.getAttribute("data-track-id")));

async function menuOf(page: Page, of: string, item: string): Promise<void> {
  await page
    .getByRole("button", { name: `More about ${of}` })
    .first()
    .click();
  await page.getByRole("menuitem", { name: item }).click();
}

test("two devices share a queue, and the music moves from one to the other", async () => {
  const track = system.tracks[0]!;
  const [a, b] = [await device(), await device()];

  await a.goto(`/search?q=${encodeURIComponent(track.title)}`);
  await a
    .getByRole("button", { name: `Play ${track.title}` })
    .first()
    .click();
  await until(async () => (await sounds(a)) && (await position(a)) > 1, { what: "the first one to play" });
  await b.goto("/queue");
  await bar(b).getByTestId("elsewhere").getByText("Playing on").waitFor();
  await bar(b).getByText(track.title).waitFor();
  expect(await sounds(b)).toBe(false);

  await menuOf(a, track.title, "Add to queue");
  await until(async () => (await queued(b)).length === 1, { what: "the song that A added, on B" });
  await menuOf(b, track.title, "Play next");
  await a.getByRole("link", { name: "Queue" }).first().click();
  await until(async () => (await queued(a)).length === 2, { what: "the song that B added, on A" });

  const before = await position(a);
  await bar(b).getByTestId("play-here").click();
  await until(() => sounds(b), { what: "the second one to play" });
  await until(async () => !(await sounds(a)), { what: "the first one to stop" });
  await until(async () => (await position(b)) >= before, { what: "B to go on where A was" });
  expect(await position(b)).toBeLessThan(before + 30);
  await bar(a).getByTestId("elsewhere").getByText("Playing on").waitFor();

  await bar(a).getByTestId("play-button").first().click();
  await until(async () => !(await sounds(b)), { what: "B to obey A's pause" });
  expect(mistakes).toEqual([]);
});

test("what is done without a network is merged when it is back", async () => {
  const track = system.tracks[0]!;
  const [a, b] = contexts.map((context) => context.pages()[0]!) as [Page, Page];
  const count = (await queued(a)).length;
  await contexts[0]!.setOffline(true);
  await menuOf(a, track.title, "Add to queue");
  await until(async () => (await queued(a)).length === count + 1, { what: "the page to show it at once" });
  await menuOf(b, track.title, "Add to queue");
  await until(async () => (await queued(b)).length === count + 1);
  await contexts[0]!.setOffline(false);
  for (const page of [a, b]) {
    await until(async () => (await queued(page)).length === count + 2, {
      what: "both songs on both devices",
    });
  }
  expect(mistakes).toEqual([]);
});
