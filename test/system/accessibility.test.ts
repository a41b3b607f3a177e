import { until } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { AxeBuilder } from "@axe-core/playwright";
import { createClient } from "@connectrpc/connect";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import { PASSWORD, type TestSystem, theSystem } from "../src/system.ts";

/** Each page is looked at in both: every colour and every layout is seen. */
const LOOKS = [
  { colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;
const GRAVE = ["serious", "critical"];

let system: TestSystem;
let browser: Browser;

beforeAll(async () => {
  system = await theSystem();
  const executablePath = ensureChromium((line) => console.error(line));
  browser = await chromium.launch({ executablePath, args: chromiumArgs });
});
afterAll(() => browser?.close());

async function open(email?: string, password = PASSWORD): Promise<Page> {
  // Without movement there is no moment at which something is half faded in.
  const context = await browser.newContext({ baseURL: system.system.gatewayUrl, reducedMotion: "reduce" });
  const page = await context.newPage();
  if (!email) return page;
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).first().waitFor();
  return page;
}

/** What axe finds on the page as it is, in both looks. */
async function findings(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const { colorScheme, viewport } of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize(viewport);
    await until(async () => (await page.getByRole("status", { name: "Loading" }).count()) === 0);
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    for (const { id, impact, nodes } of violations.filter((each) => GRAVE.includes(each.impact ?? ""))) {
      const where = nodes.map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary}`);
      found.push(`${new URL(page.url()).pathname} (${colorScheme}): ${impact} ${id}: ${where.join("\n")}`);
    }
  }
  return found;
}

async function findingsOf(page: Page, paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    await page.goto(path);
    found.push(...(await findings(page)));
  }
  return found;
}

test("a visitor's pages have no serious finding of axe", async () => {
  const { albums } = await createClient(CatalogService, system.anybody).listAlbums({});
  const paths = [
    "/",
    "/sign-in",
    "/sign-up",
    "/search",
    `/album/${albums[0]?.id}`,
    "/queue",
    "/liked",
    "/nowhere",
  ];
  expect(await findingsOf(await open(), paths)).toEqual([]);
});

test("a listener's pages have no serious finding of axe, and neither have menus, dialogs and the player", async () => {
  const { transport, email } = await system.register();
  const track = system.tracks[0]!;
  const playlists = createClient(PlaylistService, transport);
  await playlists.likeTrack({ trackId: track.id });
  const { playlist } = await playlists.createPlaylist({ name: "For the road", idempotencyKey: "one" });
  const playlistId = playlist?.id ?? "";
  await playlists.addTracks({ playlistId, trackIds: [track.id, track.id], idempotencyKey: "two" });

  const page = await open(email);
  const paths = ["/", `/search?q=${encodeURIComponent(track.title)}`, `/artist/${track.artist?.id}`];
  const found = await findingsOf(page, [...paths, "/playlists", "/liked"]);
  await page.goto(`/playlist/${playlistId}`);
  await page.getByTestId("play-all").click();
  await page.getByTestId("player").getByText(track.title).waitFor();
  found.push(...(await findings(page)));
  await page
    .getByRole("main")
    .getByRole("button", { name: /^More about/ })
    .last()
    .click();
  found.push(...(await findings(page)));
  await page.getByRole("menuitem", { name: "Add to playlist…" }).click();
  found.push(...(await findings(page)));
  await page.keyboard.press("Escape");
  found.push(...(await findingsOf(page, ["/queue", "/history"])));
  expect(found).toEqual([]);
});

test("the operator's page has none either, and to a listener it does not exist", async () => {
  const { email, password } = system.system.secrets.operator;
  const operator = await open(email, password);
  await operator.goto("/mesh");
  await operator.getByRole("cell", { name: "Well" }).first().waitFor();
  expect(await findings(operator)).toEqual([]);

  const listener = await open((await system.register()).email);
  await listener.goto("/mesh");
  await listener.getByText("There is no page at this address.").waitFor();
});
