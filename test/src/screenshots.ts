/// <reference lib="dom" />
/**
 * Pictures of every page for `docs/images`, of a system that runs and has music in it:
 * `npm run screenshots -- http://localhost:8080 <the operator's password>`.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@antiphon/mesh/testing";
import { CatalogService, type Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { PlaybackEventKind, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Browser, chromium, type Page } from "playwright-core";
import { chromiumArgs, ensureChromium } from "./chromium.ts";

const [url = "http://localhost:8080", operatorPassword = ""] = process.argv.slice(2);
const folder = join(import.meta.dirname, "../../docs/images");
const OPERATOR = "operator@antiphon.local";
const PASSWORD = "correct horse battery";
const ENOUGH_TRACKS = 6;
/** From then on the player believes that a track was heard. */
const COUNTS_AFTER_MS = 30_000;

interface Look {
  readonly colorScheme: "dark" | "light";
  readonly viewport: { readonly width: number; readonly height: number };
}
const WIDE = { width: 1280, height: 800 };
const dark: Look = { colorScheme: "dark", viewport: WIDE };
const light: Look = { colorScheme: "light", viewport: WIDE };
const phone: Look = { colorScheme: "dark", viewport: { width: 390, height: 844 } };
const phoneLight: Look = { ...phone, colorScheme: "light" };
/** Where it is evening, whenever the pictures are taken. */
const hoursToEvening = ((20 - new Date().getUTCHours() + 36) % 24) - 12;
const timezoneId = `Etc/GMT${hoursToEvening > 0 ? "-" : "+"}${Math.abs(hoursToEvening)}`;

function at(headers: Record<string, string>): Transport {
  return createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
}

/** Somebody who has listened, liked and made playlists. */
async function listenerWithTaste(tracks: readonly Track[]): Promise<string> {
  const email = `ann-${Date.now()}@example.org`;
  const identity = createClient(IdentityService, at({ "antiphon-session": "token" }));
  const { session } = await identity.register({ email, password: PASSWORD, displayName: "Ann" });
  const listener = at({ authorization: `Bearer ${session?.accessToken}` });
  const playlists = createClient(PlaylistService, listener);
  const player = createClient(PlayerService, listener);
  const { STARTED, QUALIFIED, ENDED } = PlaybackEventKind;
  const playbackIds: string[] = [];
  for (const { id: trackId } of tracks.slice(0, ENOUGH_TRACKS)) {
    const { playbackId } = await player.startPlayback({ trackId });
    await player.reportPlayback({ playbackId, kind: STARTED });
    playbackIds.push(playbackId);
  }
  for (const { id: trackId } of tracks.slice(1, 5)) await playlists.likeTrack({ trackId });
  for (const [name, from] of [
    ["For the road", 0],
    ["Sunday, late", 2],
  ] as const) {
    const { playlist } = await playlists.createPlaylist({ name, idempotencyKey: name });
    const trackIds = tracks.slice(from, from + 5).map(({ id }) => id);
    await playlists.addTracks({ playlistId: playlist?.id ?? "", trackIds, idempotencyKey: `${name} tracks` });
  }
  await sleep(COUNTS_AFTER_MS);
  for (const playbackId of playbackIds) {
    for (const kind of [QUALIFIED, ENDED]) await player.reportPlayback({ playbackId, kind });
  }
  return email;
}

async function open(browser: Browser, look: Look, email?: string, password = PASSWORD): Promise<Page> {
  const context = await browser.newContext({ ...look, timezoneId, baseURL: url, reducedMotion: "reduce" });
  const page = await context.newPage();
  if (!email) return page;
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).first().waitFor();
  return page;
}

/** Plays the playlist that is open, somewhere in its first track, in the best quality. */
async function play(page: Page): Promise<void> {
  await page.getByTestId("play-all").click();
  const bar = page.getByTestId("player");
  const best = async () => Number(await bar.getByTestId("quality").getAttribute("data-kbps")) > 200;
  await until(best, { what: "the best quality", timeoutMs: 300_000 });
  const seek = bar.getByTestId("seek");
  await seek.fill(String(Math.round(Number(await seek.getAttribute("max")) * 0.4)));
  await bar.locator("[data-testid=play-button][data-status=playing]").first().waitFor();
}

/** Goes to another page of the app as its links do: the music plays on. */
async function visit(page: Page, path: string): Promise<void> {
  await page.evaluate(async (to) => {
    history.pushState({}, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
    for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
  }, path);
}

/** Goes there, waits for what is still on its way, then takes the picture. */
async function shoot(page: Page, name: string, path?: string): Promise<void> {
  if (path) await (page.url().startsWith(url) ? visit(page, path) : page.goto(path));
  await until(async () => (await page.getByRole("status", { name: "Loading" }).count()) === 0);
  await page.mouse.move(0, 0);
  await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode().catch(() => {}))));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(`${name}.png`);
}

const catalog = createClient(CatalogService, at({}));
const tracks = (await catalog.listTracks({ pageSize: 100 })).tracks.filter(({ playable }) => playable);
if (tracks.length < ENOUGH_TRACKS) {
  throw new Error(
    `${ENOUGH_TRACKS} tracks that can be played are needed; there are ${tracks.length} at ${url}`,
  );
}
const most = <T extends { trackCount: number }>(all: readonly T[]): T =>
  all.toSorted((a, b) => b.trackCount - a.trackCount)[0]!;
const album = most((await catalog.listAlbums({ pageSize: 100 })).albums);
const artist = most((await catalog.listArtists({ pageSize: 100 })).artists);
// Not all by the same artist, whatever they are listed by.
const varied = tracks.toSorted((a, b) => a.id.localeCompare(b.id));
const email = await listenerWithTaste(varied);
const browser = await chromium.launch({ executablePath: ensureChromium(console.error), args: chromiumArgs });
try {
  const visitor = await open(browser, light);
  await shoot(visitor, "visitor", "/");
  await shoot(visitor, "sign-up", "/sign-up");
  await shoot(await open(browser, phoneLight), "phone-visitor", "/");

  const page = await open(browser, dark, email);
  await visit(page, "/playlists");
  await page
    .getByRole("main")
    .getByRole("link", { name: /For the road/ })
    .click();
  await page.getByRole("heading", { name: "For the road" }).waitFor();
  await play(page);
  await shoot(page, "playlist");
  await shoot(page, "queue", "/queue");
  await shoot(page, "home", "/");
  await shoot(page, "search", `/search?q=${encodeURIComponent(artist.name)}`);
  await shoot(page, "album", `/album/${album.id}`);
  await shoot(page, "artist", `/artist/${artist.id}`);
  await shoot(page, "liked", "/liked");
  await shoot(page, "history", "/history");
  await shoot(page, "playlists", "/playlists");

  const other = await open(browser, light, email);
  await other.getByTestId("player").getByTestId("elsewhere").getByText("Playing on").waitFor();
  await shoot(other, "devices", "/queue");
  const mobile = await open(browser, phone, email);
  await shoot(mobile, "phone-home", "/");
  await shoot(mobile, "phone-queue", "/queue");
  await shoot(mobile, "phone-album", `/album/${album.id}`);

  if (operatorPassword) {
    await shoot(await open(browser, dark, OPERATOR, operatorPassword), "mesh", "/mesh");
  }
} finally {
  await browser.close();
}
