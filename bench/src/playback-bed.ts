import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freeAlbum, type System, startSystem, toolsDir } from "@antiphon/deploy/local";
import { until } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { PlayerService, type Rendition } from "@antiphon/proto/antiphon/player/v1/player";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

/** The system with one track that can be played, and the same audio as files for peers. */
export interface PlaybackBed {
  readonly system: System;
  /** Calls through the gateway, as somebody who is signed in. */
  readonly operator: Transport;
  readonly trackId: string;
  readonly durationS: number;
  readonly ladderKbps: readonly number[];
  /** `master.m3u8`, its playlists and renditions, and `progressive.ogg`. */
  readonly folder: string;
  /** Resolves when nothing is packaged any more: AAC is, when the track can be played already. */
  readonly packaged: Promise<void>;
  stop(): Promise<void>;
}

const TRACK = "Awakening.ogg";
const PROGRESSIVE_KBPS = 128;

/** Packages the first `seconds` of a track before anything is measured. */
export async function startPlaybackBed(say: (text: string) => void, seconds = 100): Promise<PlaybackBed> {
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  const folder = join(dir, "files");
  const music = join(dir, "music");
  await mkdir(folder);
  await mkdir(music);
  const whole = join(await freeAlbum(join(toolsDir, "..")), TRACK);
  await ffmpeg(["-i", whole, "-t", String(seconds), "-c", "copy", join(music, TRACK)]);
  say("starting the system");
  const system = await startSystem({
    dataDir: join(dir, "data"),
    durable: false,
    prometheus: false,
    replicas: { catalog: 1, playlist: 0, search: 0, recommendation: 0, conductor: 0 },
  });
  const stop = async () => {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    say("packaging a track");
    const operator = await signIn(system);
    const trackId = await importTrack(operator, music);
    const player = createClient(PlayerService, operator);
    const { renditions, segmentSamples, sampleRateHz, totalSamples } = await until(
      async () => {
        const answer = await player.startPlayback({ trackId });
        return !answer.ladderGrows && answer;
      },
      { what: "the whole ladder", timeoutMs: 60_000 },
    );
    const durations = segmentSamples.map((samples) => samples / sampleRateHz);
    await writePeersFiles(folder, system.gatewayUrl, renditions, durations);
    return {
      system,
      operator,
      trackId,
      folder,
      stop,
      packaged: packagingEnds(player),
      durationS: Number(totalSamples) / sampleRateHz,
      ladderKbps: renditions.map(({ bitrateKbps }) => bitrateKbps),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function packagingEnds(player: Client<typeof PlayerService>): Promise<void> {
  for await (const { waiting, running } of player.watchPackaging({})) if (waiting + running === 0) return;
}

async function importTrack(operator: Transport, folder: string): Promise<string> {
  const catalog = createClient(CatalogService, operator);
  for await (const { summary } of catalog.importFolder({ folder })) {
    if (summary && summary.imported !== 1) throw new Error(`${TRACK} was not imported`);
  }
  return await until(
    async () => {
      const [track] = (await catalog.listTracks({})).tracks;
      return track?.playable && track.id;
    },
    { what: "the track to be packaged", timeoutMs: 60_000 },
  );
}

/** The very renditions that we play, with playlists around them, and one of them as a file of its own. */
async function writePeersFiles(
  folder: string,
  gatewayUrl: string,
  renditions: readonly Rendition[],
  durations: readonly number[],
): Promise<void> {
  const master = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"];
  for (const rendition of renditions) {
    const { bitrateKbps, url } = rendition;
    const bytes = new Uint8Array(await (await fetch(new URL(url, gatewayUrl))).arrayBuffer());
    await writeFile(join(folder, `${bitrateKbps}.mp4`), bytes);
    await writeFile(join(folder, `${bitrateKbps}.m3u8`), playlist(rendition, durations));
    master.push(`#EXT-X-STREAM-INF:BANDWIDTH=${bitrateKbps * 1000},CODECS="opus"`, `${bitrateKbps}.m3u8`);
  }
  await writeFile(join(folder, "master.m3u8"), `${master.join("\n")}\n`);
  const [whole, remuxed] = [join(folder, `${PROGRESSIVE_KBPS}.mp4`), join(folder, "progressive.ogg")];
  await ffmpeg(["-i", whole, "-c", "copy", remuxed]);
}

async function ffmpeg(args: readonly string[]): Promise<void> {
  await promisify(execFile)("ffmpeg", ["-v", "error", ...args]);
}

function playlist({ bitrateKbps, init, segments }: Rendition, durations: readonly number[]): string {
  const file = `${bitrateKbps}.mp4`;
  const longest = Math.ceil(Math.max(...durations));
  return [
    ...["#EXTM3U", "#EXT-X-VERSION:7", `#EXT-X-TARGETDURATION:${longest}`, "#EXT-X-PLAYLIST-TYPE:VOD"],
    `#EXT-X-MAP:URI="${file}",BYTERANGE="${init?.length}@0"`,
    ...segments.flatMap(({ offset, length }, i) => [
      `#EXTINF:${durations[i]},`,
      `#EXT-X-BYTERANGE:${length}@${offset}`,
      file,
    ]),
    "#EXT-X-ENDLIST\n",
  ].join("\n");
}

async function signIn({ gatewayUrl, secrets }: System): Promise<Transport> {
  const at = (name: string, value: string) =>
    createConnectTransport({
      baseUrl: gatewayUrl,
      httpVersion: "1.1",
      interceptors: [
        (next) => (request) => {
          request.header.set(name, value);
          return next(request);
        },
      ],
    });
  const identity = createClient(IdentityService, at("antiphon-session", "token"));
  // The gateway may find the services a moment later than this process does.
  const { session } = await until(() => identity.signIn(secrets.operator).catch(() => undefined), {
    what: "the gateway to find identity",
  });
  return at("authorization", `Bearer ${session?.accessToken}`);
}
