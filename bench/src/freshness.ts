import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freeAlbum, type System, startSystem, toolsDir } from "@antiphon/deploy/local";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { natsHops } from "../peers/nats-hop.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, percentile, round } from "./report.ts";

/**
 * From a listener's tap on "like" to the moment the page is told that the recommendations changed: a
 * call through the gateway, a transaction with its outbox row, JetStream, the recommender's
 * transaction, and the server stream that the page watches. The peer is one message through bare NATS.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const likes = quick ? 60 : 400;
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  say("starting the system");
  const system = await startSystem({ dataDir: dir, prometheus: false, replicas: { player: 0 } });
  try {
    const listener = await newListener(system);
    const trackIds = await importAlbum(system);
    say(`${trackIds.length} tracks imported`);
    const { tookMs, changedShelves } = await likeAndWait(listener, trackIds, likes);
    const hops = await natsHops(system.nats.url, likes);
    const line = (share: number, metric: string): Line => ({
      bench: "freshness",
      metric,
      unit: "ms",
      n: tookMs.length,
      offered: likes,
      achieved: tookMs.length,
      ours: round(percentile(tookMs, share)),
      against: "nats.js",
      peer: round(percentile(hops, share)),
      ratio: round(percentile(tookMs, share) / percentile(hops, share)),
      changed_shelves: changedShelves,
    });
    return [line(0.5, "like_to_changed_p50_ms"), line(0.95, "like_to_changed_p95_ms")];
  } finally {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function likeAndWait(listener: Transport, trackIds: readonly string[], likes: number) {
  const playlists = createClient(PlaylistService, listener);
  const recommendations = createClient(RecommendationService, listener);
  const stop = new AbortController();
  const versions = recommendations.watchRecommendations({}, { signal: stop.signal })[Symbol.asyncIterator]();
  await versions.next();
  const shelvesOf = async () => JSON.stringify((await recommendations.getHome({})).shelves.map(shelfText));
  const before = await shelvesOf();

  const tookMs: number[] = [];
  let changedShelves = false;
  for (let like = 0; like < likes; like++) {
    const trackId = trackIds[(like >> 1) % trackIds.length]!;
    const tappedAt = performance.now();
    const changed = versions.next();
    await (like % 2 === 0 ? playlists.likeTrack({ trackId }) : playlists.unlikeTrack({ trackId }));
    if ((await changed).done) throw new Error("the stream of changes ended");
    tookMs.push(performance.now() - tappedAt);
    if (like === 0) changedShelves = (await shelvesOf()) !== before;
  }
  stop.abort();
  if (!changedShelves) throw new Error("a like changed no shelf");
  return { tookMs, changedShelves };
}

function shelfText({ title, tracks }: { title: string; tracks: readonly { id: string }[] }): string[] {
  return [title, ...tracks.map(({ id }) => id)];
}

async function newListener(system: System): Promise<Transport> {
  const identity = createClient(IdentityService, through(system, { "antiphon-session": "token" }));
  const registered = await identity.register({
    email: "bench@example.org",
    password: "correct horse battery",
    displayName: "Bench",
  });
  return through(system, { authorization: `Bearer ${registered.session?.accessToken}` });
}

async function importAlbum(system: System): Promise<string[]> {
  const folder = await freeAlbum(join(toolsDir, ".."));
  const identity = createClient(IdentityService, through(system, { "antiphon-session": "token" }));
  const { session } = await identity.signIn(system.secrets.operator);
  const operator = through(system, { authorization: `Bearer ${session?.accessToken}` });
  const catalog = createClient(CatalogService, operator);
  for await (const { summary } of catalog.importFolder({ folder })) {
    if (summary?.imported === 0) throw new Error(`nothing was imported from ${folder}`);
  }
  return (await catalog.listTracks({})).tracks.map(({ id }) => id);
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
