/// <reference lib="dom" />
import { cp, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWeb, freeAlbum, type System, startSystem, toolsDir } from "@antiphon/deploy/local";
import { newId } from "@antiphon/mesh";
import { until } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { QueueService, type WatchQueueResponse } from "@antiphon/proto/antiphon/player/v1/queue";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Browser, chromium, type Page } from "playwright-core";
import { chromiumArgs, ensureChromium } from "../../test/src/chromium.ts";
import { natsHops } from "../peers/nats-hop.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, percentile, round } from "./report.ts";

const PERSON = { email: "bench@example.org", password: "correct horse battery", displayName: "Bench" };
/** Positions looked at in one window, five a second, before the music moves on. */
const SAMPLES = 6;
/** What a takeover may skip or repeat. */
const TAKEOVER_BAR_MS = 300;

/**
 * One listener's two devices, through the gateway. `sync`: from a change on one of them to its showing on
 * the other; the peer is one message through bare NATS. `takeover`, in two Chromium windows: how far the
 * place where the second device's sound starts is from where the first one's ended.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  say("starting the system");
  const system = await startSystem({
    dataDir: join(dir, "data"),
    durable: false,
    prometheus: false,
    webDir: buildWeb(join(toolsDir, "..", "web"), join(dir, "web.log")),
    replicas: { catalog: 1, search: 0, conductor: 0 },
  });
  const browser = await chromium.launch({ executablePath: ensureChromium(say), args: chromiumArgs });
  try {
    const importing = importTrack(system, dir);
    const listener = await newListener(system);
    const changes = quick ? 100 : 1_000;
    const tookMs = await syncs(listener, changes);
    say(`${tookMs.length} changes seen on the other device; a track is packaged`);
    const hops = await natsHops(system.nats.url, changes);
    const albumId = await importing;
    const takeovers = await takeOver(browser, system.gatewayUrl, albumId, quick ? 6 : 24);
    return [sync("sync_p50_ms", 0.5, tookMs, hops), sync("sync_p95_ms", 0.95, tookMs, hops), gap(takeovers)];
  } finally {
    await browser.close();
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

function sync(metric: string, share: number, tookMs: readonly number[], hops: readonly number[]): Line {
  const [ours, peer] = [percentile(tookMs, share), percentile(hops, share)];
  const counts = { n: tookMs.length, offered: tookMs.length, achieved: tookMs.length };
  const ratio = round(ours / peer);
  return {
    ...{ bench: "queue-sync", metric, unit: "ms", ...counts },
    ...{ ours: round(ours), against: "nats.js", peer: round(peer), ratio },
  };
}

function gap(takeovers: readonly Takeover[]): Line {
  const gaps = takeovers.map(({ gapMs }) => Math.abs(gapMs));
  const ours = round(percentile(gaps, 0.95));
  const counts = { n: gaps.length, offered: gaps.length, achieved: gaps.length };
  return {
    ...{ bench: "queue-sync", metric: "takeover_gap_ms", unit: "ms", ...counts },
    ...{ ours, against: "the bar", peer: TAKEOVER_BAR_MS, ratio: round(ours / TAKEOVER_BAR_MS) },
    silence_p95_ms: round(
      percentile(
        takeovers.map(({ silenceMs }) => silenceMs),
        0.95,
      ),
    ),
    moved_to_s: takeovers.map(({ atMs }) => Math.round(atMs / 1000)),
  };
}

/** Adds items on one device, and waits for each to show on the other. */
async function syncs(listener: Transport, count: number): Promise<number[]> {
  const queue = createClient(QueueService, listener);
  const stop = new AbortController();
  const device = { id: newId("dev"), name: "Watcher" };
  const updates = queue.watchQueue({ device }, { signal: stop.signal })[Symbol.asyncIterator]();
  await updates.next();
  const tookMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const itemId = newId("itm");
    const items = [{ itemId, trackId: newId("trk"), origin: "Bench" }];
    const startedAt = performance.now();
    const done = queue.applyQueueChanges({
      changes: [{ change: { case: "insert", value: { items } } }],
      idempotencyKey: itemId,
    });
    for (let seen = false; !seen; ) {
      const { value, done: ended } = await updates.next();
      if (ended) throw new Error("the stream of the queue ended");
      const update: WatchQueueResponse = value;
      seen = update.items?.inserted.some((item) => item.itemId === itemId) ?? false;
    }
    tookMs.push(performance.now() - startedAt);
    await done;
  }
  stop.abort();
  await queue.applyQueueChanges({
    changes: [{ change: { case: "clear", value: {} } }],
    idempotencyKey: "clear",
  });
  return tookMs;
}

interface Takeover {
  /** What is skipped of the track; negative where it is heard again. */
  readonly gapMs: number;
  /** Between the last sound here and the first there, by the wall clock; 0 where they overlap. */
  readonly silenceMs: number;
  readonly atMs: number;
}

/** Plays in one window, and takes over in the other, to and fro. */
async function takeOver(
  browser: Browser,
  baseURL: string,
  albumId: string,
  rounds: number,
): Promise<Takeover[]> {
  const pages = [await openPage(browser, baseURL), await openPage(browser, baseURL)] as const;
  await pages[0].goto(`/album/${albumId}`);
  await pages[0].getByTestId("play-all").click();
  const takeovers: Takeover[] = [];
  for (let turn = 0; turn < rounds; turn++) {
    const [from, to] = turn % 2 === 0 ? pages : [pages[1], pages[0]];
    await settled(from);
    await to.bringToFront();
    await to.getByTestId("player").getByTestId("play-here").click();
    const { started, offsetMs = 0 } = await settled(to);
    const { stopped, offsetMs: fromOffsetMs = 0 } = await soundOf(from);
    if (!stopped || !started) throw new Error("a device played on, or another did not");
    const atMs = started.mediaMs - offsetMs;
    takeovers.push({
      gapMs: atMs - (stopped.mediaMs - fromOffsetMs),
      silenceMs: Math.max(0, started.wallMs - stopped.wallMs),
      atMs,
    });
    await from.evaluate(() => window.sound.reset());
  }
  return takeovers;
}

/** The page plays, for long enough that the place where it does is known well. */
async function settled(page: Page): Promise<Sound> {
  return until(
    async () => {
      const sound = await soundOf(page);
      return sound.samples >= SAMPLES && sound;
    },
    { what: "music to play", timeoutMs: 20_000 },
  );
}

interface Moment {
  readonly mediaMs: number;
  readonly wallMs: number;
}

interface Sound {
  started?: Moment;
  stopped?: Moment;
  /** The audio element's time less the position in the track. */
  offsetMs?: number;
  /** How often that was measured. */
  samples: number;
}

declare global {
  interface Window {
    sound: Sound & { reset(): void };
  }
}

const soundOf = (page: Page): Promise<Sound> =>
  page.evaluate(() => {
    const { reset: _, ...sound } = window.sound;
    return sound;
  });

async function openPage(browser: Browser, baseURL: string): Promise<Page> {
  const context = await browser.newContext({ baseURL });
  const page = await context.newPage();
  await page.addInitScript(recordSound);
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(PERSON.email);
  await page.getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByTestId("listener-name").waitFor();
  return page;
}

/** Runs in the page: notes when its sound starts and ends, and how the element's time maps to the track's. */
function recordSound(): void {
  const moment = (audio: HTMLMediaElement) => ({ mediaMs: audio.currentTime * 1000, wallMs: Date.now() });
  const reset = () => {
    window.sound = { samples: 0, reset };
  };
  reset();
  document.addEventListener("DOMContentLoaded", () => {
    const watch = new MutationObserver(() => {
      const audio = document.querySelector("audio");
      const slider = document.querySelector<HTMLInputElement>(".player-bar [data-testid=seek]");
      if (!audio || !slider || audio.paused || !window.sound.started) return;
      const share = Number.parseFloat(slider.style.getPropertyValue("--fill")) / 100;
      // The slider is drawn a little later than the position was read: the least difference is the truest.
      const offsetMs = audio.currentTime * 1000 - share * Number(slider.max);
      if (share === 0) return;
      window.sound.samples++;
      window.sound.offsetMs = Math.min(offsetMs, window.sound.offsetMs ?? offsetMs);
    });
    watch.observe(document.body, { subtree: true, attributeFilter: ["style"] });
    document.addEventListener(
      "playing",
      ({ target }) => {
        window.sound.started ??= moment(target as HTMLMediaElement);
      },
      true,
    );
    document.addEventListener(
      "pause",
      ({ target }) => {
        window.sound.stopped = moment(target as HTMLMediaElement);
      },
      true,
    );
  });
}

async function newListener(system: System): Promise<Transport> {
  const identity = createClient(IdentityService, through(system, { "antiphon-session": "token" }));
  const { session } = await identity.register(PERSON);
  return through(system, { authorization: `Bearer ${session?.accessToken}` });
}

/** The smallest track of the free album; resolves with its album once it can be played. */
async function importTrack(system: System, dir: string): Promise<string> {
  const album = await freeAlbum(join(toolsDir, ".."));
  const files = (await readdir(album)).filter((name) => name.endsWith(".ogg"));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(album, name))).size));
  const smallest = files[sizes.indexOf(Math.min(...sizes))]!;
  await mkdir(join(dir, "music"));
  await cp(join(album, smallest), join(dir, "music", smallest));
  const identity = createClient(IdentityService, through(system, { "antiphon-session": "token" }));
  const { session } = await identity.signIn(system.secrets.operator);
  const catalog = createClient(
    CatalogService,
    through(system, { authorization: `Bearer ${session?.accessToken}` }),
  );
  for await (const { summary } of catalog.importFolder({ folder: join(dir, "music") })) {
    if (summary && summary.imported !== 1) throw new Error(`${smallest} was not imported`);
  }
  const track = await until(
    async () => (await catalog.listTracks({})).tracks.find(({ playable }) => playable),
    { what: "a track to be playable", timeoutMs: 120_000 },
  );
  return track.album?.id ?? "";
}

function through({ gatewayUrl }: System, headers: Readonly<Record<string, string>>): Transport {
  return createConnectTransport({
    baseUrl: gatewayUrl,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
}
