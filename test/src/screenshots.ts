/**
 * Pictures of every page for `docs/images`, of a system that runs and has music in it:
 * `npm run screenshots -- http://localhost:8080 <the operator's password>`.
 */
import { join } from "node:path";
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

interface Look {
  readonly colorScheme: "dark" | "light";
  readonly viewport: { readonly width: number; readonly height: number };
}
const WIDE = { width: 1280, height: 800 };
const dark: Look = { colorScheme: "dark", viewport: WIDE };
const light: Look = { colorScheme: "light", viewport: WIDE };
const phone: Look = { colorScheme: "dark", viewport: { width: 390, height: 844 } };
const phoneLight: Look = { ...phone, colorScheme: "light" };

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
  for (const { id: trackId } of tracks.slice(0, ENOUGH_TRACKS)) {
    const { playbackId } = await player.startPlayback({ trackId });
    for (const kind of [PlaybackEventKind.STARTED, PlaybackEventKind.ENDED]) {
      await player.reportPlayback({ playbackId, kind });
    }
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
  return email;
}

async function open(browser: Browser, look: Look, email?: string, password = PASSWORD): Promise<Page> {
  const context = await browser.newContext({ ...look, baseURL: url, reducedMotion: "reduce" });
  const page = await context.newPage();
  if (!email) return page;
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).first().waitFor();
  return page;
}

/** Waits for what is still on its way, then takes the picture. */
async function shoot(page: Page, name: string, path?: string): Promise<void> {
  if (path) await page.goto(path);
  await until(async () => (await page.getByRole("status", { name: "Loading" }).count()) === 0);
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
const { albums } = await catalog.listAlbums({});
const { artists } = await catalog.listArtists({});
const email = await listenerWithTaste(tracks);
const browser = await chromium.launch({ executablePath: ensureChromium(console.error), args: chromiumArgs });
try {
  const visitor = await open(browser, light);
  await shoot(visitor, "visitor", "/");
  await shoot(visitor, "sign-up", "/sign-up");
  await shoot(await open(browser, phoneLight), "phone-visitor", "/");

  const page = await open(browser, dark, email);
  await shoot(page, "home", "/");
  await shoot(page, "search", `/search?q=${encodeURIComponent(tracks[0]!.artist?.name ?? "")}`);
  await shoot(page, "album", `/album/${albums[0]?.id}`);
  await shoot(page, "artist", `/artist/${artists[0]?.id}`);
  await shoot(page, "liked", "/liked");
  await shoot(page, "history", "/history");
  await shoot(page, "playlists", "/playlists");
  await page
    .getByRole("main")
    .getByRole("link", { name: /For the road/ })
    .click();
  await page.getByRole("heading", { name: "For the road" }).waitFor();
  await page.getByTestId("play-all").click();
  await page.getByTestId("player").getByTestId("quality").waitFor();
  await shoot(page, "playlist");
  await page.getByRole("link", { name: "Queue" }).first().click();
  await shoot(page, "queue");

  const other = await open(browser, light, email);
  await other.getByTestId("player").getByTestId("elsewhere").getByText("Playing on").waitFor();
  await shoot(other, "devices", "/queue");
  const mobile = await open(browser, phone, email);
  await shoot(mobile, "phone-home", "/");
  await shoot(mobile, "phone-queue", "/queue");
  await shoot(mobile, "phone-album", `/album/${albums[0]?.id}`);

  if (operatorPassword) {
    await shoot(await open(browser, dark, OPERATOR, operatorPassword), "mesh", "/mesh");
  }
} finally {
  await browser.close();
}
