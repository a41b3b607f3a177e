import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { freeAlbum, type System, shortestOf, startSystem, toolsDir } from "@antiphon/deploy/local";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { PlaybackEventKind, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { natsHops } from "../peers/nats-hop.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, percentile, round } from "./report.ts";

/** Packaging one takes seconds. */
const TRACKS = 3;
/** From then on the player believes that so much was heard that a play counts. */
const COUNTS_AFTER_MS = 30_000;

/**
 * From what a listener does to the changed recommendations: a call through the gateway, a transaction with its
 * outbox row, JetStream, the recommender's transaction, the server stream that the page watches, and the home page
 * that it asks for then. One listener likes songs, another has played them for long enough: what is measured is
 * the report of that, which makes the play count. The peer is one message through bare NATS.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const acts = quick ? 60 : 400;
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  say("starting the system");
  const system = await startSystem({ dataDir: join(dir, "data"), prometheus: false });
  try {
    const trackIds = await importSome(system, join(dir, "music"));
    say(`${trackIds.length} tracks can be played`);
    const player = await newListener(system, "plays");
    const playbackIds = await startPlaybacks(player, trackIds, acts);
    const countAt = performance.now() + COUNTS_AFTER_MS;
    const liked = await actAndWait("like", await newListener(system, "likes"), acts, likes(trackIds));
    say("waiting until the playbacks count");
    await sleep(Math.max(0, countAt - performance.now()));
    const measured = [liked, await actAndWait("play", player, acts, reports(playbackIds))];
    const hops = await natsHops(system.nats.url, acts);
    return measured.flatMap(({ act, toldMs, shownMs }) =>
      [[`${act}_to_changed`, toldMs] as const, [`${act}_to_shown`, shownMs] as const].flatMap(
        ([metric, tookMs]) =>
          [50, 95].map((percent): Line => {
            const [ours, peer] = [percentile(tookMs, percent / 100), percentile(hops, percent / 100)];
            return {
              bench: "freshness",
              metric: `${metric}_p${percent}_ms`,
              unit: "ms",
              n: tookMs.length,
              offered: acts,
              achieved: tookMs.length,
              ours: round(ours),
              against: "nats.js",
              peer: round(peer),
              ratio: round(ours / peer),
              changed_shelves: true,
            };
          }),
      ),
    );
  } finally {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Prepares the nth act of a listener; what it gives back does it. */
type Act = (listener: Transport, nth: number) => Promise<() => Promise<unknown>>;

function likes(trackIds: readonly string[]): Act {
  return async (listener, nth) => {
    const playlists = createClient(PlaylistService, listener);
    const trackId = trackIds[(nth >> 1) % trackIds.length]!;
    return () => (nth % 2 === 0 ? playlists.likeTrack({ trackId }) : playlists.unlikeTrack({ trackId }));
  };
}

async function startPlaybacks(listener: Transport, trackIds: readonly string[], count: number) {
  const player = createClient(PlayerService, listener);
  const playbackIds: string[] = [];
  for (let nth = 0; nth < count; nth++) {
    const { playbackId } = await player.startPlayback({ trackId: trackIds[nth % trackIds.length]! });
    playbackIds.push(playbackId);
  }
  return playbackIds;
}

function reports(playbackIds: readonly string[]): Act {
  return async (listener, nth) => {
    const player = createClient(PlayerService, listener);
    return () => player.reportPlayback({ playbackId: playbackIds[nth]!, kind: PlaybackEventKind.QUALIFIED });
  };
}

async function actAndWait(act: string, listener: Transport, acts: number, prepare: Act) {
  const recommendations = createClient(RecommendationService, listener);
  const stop = new AbortController();
  const versions = recommendations.watchRecommendations({}, { signal: stop.signal })[Symbol.asyncIterator]();
  await versions.next();
  const before = (await recommendations.getHome({})).shelves.map(shelfText);

  const toldMs: number[] = [];
  const shownMs: number[] = [];
  for (let nth = 0; nth < acts; nth++) {
    const perform = await prepare(listener, nth);
    const changed = versions.next();
    const startedAt = performance.now();
    await perform();
    const { done, value } = await changed;
    if (done) throw new Error("the stream of changes ended");
    toldMs.push(performance.now() - startedAt);
    const home = await recommendations.getHome({});
    shownMs.push(performance.now() - startedAt);
    if (home.version < value.version)
      throw new Error(`the home page is older than its change after a ${act}`);
    if (nth === 0 && isDeepStrictEqual(home.shelves.map(shelfText), before)) {
      throw new Error(`a ${act} changed no shelf`);
    }
  }
  stop.abort();
  return { act, toldMs, shownMs };
}

function shelfText({ title, tracks }: { title: string; tracks: readonly { id: string }[] }): string[] {
  return [title, ...tracks.map(({ id }) => id)];
}

async function newListener(system: System, name: string): Promise<Transport> {
  const identity = createClient(IdentityService, through(system, { "antiphon-session": "token" }));
  const registered = await identity.register({
    email: `${name}@example.org`,
    password: "correct horse battery",
    displayName: name,
  });
  return through(system, { authorization: `Bearer ${registered.session?.accessToken}` });
}

/** Resolves with the tracks when each can be played. */
async function importSome(system: System, folder: string): Promise<string[]> {
  await shortestOf(await freeAlbum(join(toolsDir, "..")), TRACKS, folder);
  const identity = createClient(IdentityService, through(system, { "antiphon-session": "token" }));
  const { session } = await identity.signIn(system.secrets.operator);
  const operator = through(system, { authorization: `Bearer ${session?.accessToken}` });
  const catalog = createClient(CatalogService, operator);
  for await (const { summary } of catalog.importFolder({ folder })) {
    if (summary?.imported === 0) throw new Error(`nothing was imported from ${folder}`);
  }
  for (;;) {
    const { tracks } = await catalog.listTracks({});
    if (tracks.length === TRACKS && tracks.every(({ playable }) => playable))
      return tracks.map(({ id }) => id);
    await sleep(200);
  }
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
