/// <reference lib="dom" />
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { PASSWORD, type TestSystem, theSystem } from "../src/system.ts";

let system: TestSystem;
let browser: Browser;
let page: Page;
const mistakes: string[] = [];

beforeAll(async () => {
  system = await theSystem();
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
  const context = await browser.newContext({ baseURL: system.system.gatewayUrl });
  page = await context.newPage();
  page.on("pageerror", (error) => mistakes.push(error.message));
  page.on("console", (line) => {
    if (/Content Security Policy/.test(line.text())) mistakes.push(line.text());
  });
});
afterAll(() => browser?.close());

test("a listener signs up, searches, plays, adds the song to a playlist, and home answers without a reload", async () => {
  const track = system.tracks[0];
  if (!track) throw new Error("no track was imported");

  await page.goto("/sign-up");
  await page.getByLabel("Your name").fill("Ann");
  await page.getByLabel("E-mail").fill(`ann-${Date.now()}@example.org`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create the account" }).click();
  const home = page.getByTestId("home");
  await home.locator("[data-track-id]").first().waitFor();
  expect(await page.evaluate(() => document.cookie), "tokens that a script can read").toBe("");
  const versionBefore = await home.getAttribute("data-version");

  await page.goto("/search");
  await page.getByTestId("search-input").pressSequentially(track.title.slice(0, 6));
  const row = page.locator(`[data-testid=track-row][data-track-id=${track.id}]`);
  await row.waitFor();
  await row.getByRole("button", { name: /^Play / }).click();
  await page.getByTestId("now-playing-title").getByText(track.title).waitFor();
  const audio = page.getByTestId("audio");
  const position = () => audio.evaluate((element) => (element as HTMLAudioElement).currentTime);
  await expect.poll(position, { timeout: 15_000, message: "the position advances" }).toBeGreaterThan(1);
  const level = async () => Number(await page.getByTestId("level").getAttribute("data-level"));
  await expect
    .poll(level, { timeout: 15_000, message: "what is heard is not silence" })
    .toBeGreaterThan(0.001);

  // Home stays open while another page of the same listener adds the song.
  const addingPage = await page.context().newPage();
  await page.getByRole("link", { name: "Home" }).first().click();
  await home.locator("[data-track-id]").first().waitFor();
  const openedAt = await page.evaluate(() => performance.timeOrigin);
  await addingPage.goto(`/search?q=${encodeURIComponent(track.title)}`);
  await addingPage
    .getByRole("button", { name: `More about ${track.title}` })
    .first()
    .click();
  await addingPage.getByRole("menuitem", { name: "Add to playlist…" }).click();
  await addingPage.getByLabel("A new playlist").fill("For the road");
  await addingPage.getByRole("button", { name: "Make it" }).click();
  await addingPage.getByTestId("toasts").getByText("For the road").waitFor();

  const because = home.getByRole("heading", { name: new RegExp(track.title) });
  await because.waitFor({ timeout: 15_000 });
  expect(await home.getAttribute("data-version")).not.toBe(versionBefore);
  expect(await page.evaluate(() => performance.timeOrigin), "the page was not reloaded").toBe(openedAt);
  expect(await position(), "the music went on").toBeGreaterThan(1);
  expect(mistakes).toEqual([]);
}, 120_000);
