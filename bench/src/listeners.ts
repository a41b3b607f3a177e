import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { createClient } from "@connectrpc/connect";
import type { BenchOptions } from "./benches.ts";
import { type Listened, listen, type Stream } from "./listener.ts";
import { type PlaybackBed, startPlaybackBed } from "./playback-bed.ts";
import { type Line, percentile, round } from "./report.ts";
import { Worker } from "./rounds.ts";

const LISTENERS = 200;
/** People do not press play in the same second: they come during this share of the time. */
const ARRIVING = 0.6;
const KBPS = 128;
const CALLS_PER_S = 50;

interface Stretch {
  readonly listened: readonly Listened[];
  readonly callMs: readonly number[];
  readonly failedCalls: number;
  readonly elapsedMs: number;
}

/**
 * Two hundred listeners at 128 kbps through one gateway and one player replica, while calls are made: is a
 * segment late, and how long do calls take? Against the same listeners at a bare file server, and the same
 * calls while nobody listens.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const bed = await startPlaybackBed(say);
  const fileServer = new Worker("../peers/file-server.ts", [bed.folder]);
  try {
    const filePort = await fileServer.hear<number>();
    const calls = callsOf(bed);
    say("calls while nobody listens");
    const quiet = await stretch(undefined, calls, quick ? 3_000 : 20_000);
    say(`${LISTENERS} listeners at a file server`);
    const files = await stretch(opener(bed, filePort), [], quick ? 8_000 : 60_000);
    say(`${LISTENERS} listeners at the gateway`);
    const ours = await stretch(opener(bed), calls, quick ? 18_000 : 120_000);
    return lines(quiet, files, ours);
  } finally {
    fileServer.stop();
    await bed.stop();
  }
}

/**
 * Opens the stream of one listener more; those at the gateway have a StartPlayback, and so a signature, of
 * their own, and ask again where it is refused, as the engine does.
 */
function opener(bed: PlaybackBed, filePort?: number): () => Promise<Stream> {
  const player = createClient(PlayerService, bed.operator);
  return async () => {
    const { renditions, segmentSamples, sampleRateHz } = await until(
      () => player.startPlayback({ trackId: bed.trackId }).catch(() => undefined),
      { what: "a playback to start" },
    );
    const rendition = renditions.find(({ bitrateKbps }) => bitrateKbps === KBPS)!;
    return {
      url: filePort
        ? new URL(`http://127.0.0.1:${filePort}/${KBPS}.mp4`)
        : new URL(rendition.url, bed.system.gatewayUrl),
      segments: rendition.segments.map(({ offset, length }) => ({ offset: Number(offset), length })),
      segmentS: segmentSamples[0]! / sampleRateHz,
    };
  };
}

/** What pages ask while music plays. */
function callsOf({ operator, trackId }: PlaybackBed) {
  const catalog = createClient(CatalogService, operator);
  const player = createClient(PlayerService, operator);
  return [
    () => catalog.getTrack({ trackId }),
    () => catalog.listTracks({}),
    () => player.startPlayback({ trackId }),
    () => player.listHistory({}),
  ];
}

async function stretch(
  open: (() => Promise<Stream>) | undefined,
  calls: readonly (() => Promise<unknown>)[],
  forMs: number,
): Promise<Stretch> {
  const agent = new Agent({ keepAlive: true });
  const signal = AbortSignal.timeout(forMs);
  const startedAt = performance.now();
  const callMs: number[] = [];
  let failedCalls = 0;
  const calling = (async () => {
    const inFlight: Promise<void>[] = [];
    for (let n = 0; calls.length > 0 && !signal.aborted; n++) {
      const askedAt = performance.now();
      inFlight.push(
        calls[n % calls.length]!().then(
          () => void callMs.push(performance.now() - askedAt),
          () => void failedCalls++,
        ),
      );
      await sleep(Math.max(0, startedAt + ((n + 1) * 1000) / CALLS_PER_S - performance.now()));
    }
    await Promise.all(inFlight);
  })();
  const arrivals = Array.from({ length: open ? LISTENERS : 0 }, (_, index) => index);
  const listened = await Promise.all(
    arrivals.map(async (index) => {
      await sleep((index * forMs * ARRIVING) / LISTENERS);
      return listen(await open!(), agent, signal);
    }),
  );
  await calling;
  agent.destroy();
  return { listened, callMs, failedCalls, elapsedMs: performance.now() - startedAt };
}

function lines(quiet: Stretch, files: Stretch, ours: Stretch): Line[] {
  const total = ({ listened }: Stretch, of: (one: Listened) => number) =>
    listened.reduce((sum, one) => sum + of(one), 0);
  const fetched = (one: Stretch) => one.listened.flatMap(({ fetchMs }) => fetchMs);
  const segments = fetched(ours).length;
  const line = (
    metric: string,
    unit: string,
    n: number,
    failed: number,
    us: number,
    against: string,
    them: number,
  ): Line => ({
    bench: "listeners",
    metric,
    unit,
    n,
    offered: n + failed,
    achieved: n,
    ours: round(us),
    against,
    peer: round(them),
    ratio: round(us / (them || 1)),
    listeners: LISTENERS,
    kbps: KBPS,
    // The proof that they were served: each has its buffer full, or fills it.
    mbit_per_s: round((total(ours, ({ bytes }) => bytes) * 8) / ours.elapsedMs / 1000),
    segments_a_listener: round(segments / LISTENERS),
    calls_per_s: round((ours.callMs.length * 1000) / ours.elapsedMs),
  });
  const failed = total(ours, (one) => one.failed);
  const late = (one: Stretch) => total(one, (each) => each.late);
  const segmentP99 = (one: Stretch) => percentile(fetched(one), 0.99);
  const callP99 = (one: Stretch) => percentile(one.callMs, 0.99);
  return [
    line("late_segments", "segments", segments, failed, late(ours), "file server", late(files)),
    line("segment_p99_ms", "ms", segments, failed, segmentP99(ours), "file server", segmentP99(files)),
    line(
      "call_p99_ms",
      "ms",
      ours.callMs.length,
      ours.failedCalls,
      callP99(ours),
      "nobody listening",
      callP99(quiet),
    ),
  ];
}
