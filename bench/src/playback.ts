import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { chromiumArgs, ensureChromium } from "../../test/src/chromium.ts";
import { bundle } from "../../web/testing/bundle.ts";
import type { BenchOptions } from "./benches.ts";
import { type PlaybackBed, startPlaybackBed } from "./playback-bed.ts";
import { gapLines } from "./playback-gap.ts";
import { type Origin, startOrigin } from "./playback-origin.ts";
import type { ContenderName } from "./playback-page.ts";
import { type Drop, listenThroughDrop, openRoom, type Room, type Round, type Seek } from "./playback-room.ts";
import { type Line, median, percentile, round } from "./report.ts";
import type { Link } from "./shaper.ts";

const PEERS = ["hls.js", "progressive"] as const;
const CONTENDERS: readonly ContenderName[] = ["antiphon", ...PEERS];

/** By the name that the metrics end in. */
const LINKS = {
  loopback: { rttMs: 0, kbps: Number.POSITIVE_INFINITY },
  shaped: { rttMs: 50, kbps: 1_500 },
  slow: { rttMs: 300, kbps: 400 },
} as const satisfies Record<string, Link>;
type LinkName = keyof typeof LINKS;

type Rounds = Readonly<Record<ContenderName, Round[]>>;

/**
 * From the click to the sound, in Chromium, through the whole system: StartPlayback is part of it. The
 * peers play the same renditions: hls.js from playlists, the audio element from one file, both from a
 * file server one hop nearer than ours. Every play is the first one of its player, with an empty cache,
 * on connections that are open already.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const entry = fileURLToPath(new URL("playback-page.ts", import.meta.url));
  const [code, bed] = await Promise.all([bundle(entry), startPlaybackBed(say, quick ? 80 : 100)]);
  await writeFile(join(bed.folder, "page.js"), code);
  await writeFile(
    join(bed.folder, "index.html"),
    '<!doctype html><script type="module" src="page.js"></script>',
  );
  const origin = await startOrigin(bed.folder, bed.system.gatewayUrl);
  const browser = await chromium.launch({ executablePath: ensureChromium(say), args: chromiumArgs });
  try {
    return await measure(quick, say, bed, origin, browser);
  } finally {
    await browser.close();
    origin.stop();
    await bed.stop();
  }
}

async function measure(
  quick: boolean,
  say: BenchOptions["say"],
  bed: PlaybackBed,
  origin: Origin,
  browser: Browser,
): Promise<readonly Line[]> {
  const open = (link: Link) => openRoom(browser, origin.port, link);
  const alternate = async (link: LinkName, rounds: number, ourSeeks: number): Promise<Rounds> => {
    const room = await open(LINKS[link]);
    const measured: Rounds = { antiphon: [], "hls.js": [], progressive: [] };
    for (let turn = 0; turn < rounds; turn++) {
      for (const name of contendersOf(turn, quick)) {
        // A seek in one file takes seconds on a slow line: once is enough to see that.
        const peersSeeks = quick && name === "progressive" && turn > 0 ? 0 : Math.min(ourSeeks, 1);
        const seeks = seekPlan(bed, turn, name === "antiphon" ? ourSeeks : peersSeeks);
        measured[name].push(await room.play(name, sourceOf(bed, name), seeks));
      }
      say(`${link}: round ${turn + 1}/${rounds}`);
    }
    await room.close();
    return measured;
  };
  // What takes its time on a line takes none of the processor, and runs beside others. What a loaded processor
  // would show in waits until all of the track's packaging is done.
  const [slow, gaps] = await Promise.all([
    alternate("slow", quick ? 2 : 12, 0),
    gapLines(browser, quick),
    bed.packaged,
  ]);
  const loopback = await alternate("loopback", quick ? 6 : 40, 1);
  const rooms = [await open(LINKS.shaped), await open(LINKS.shaped)] as const;
  const through = (room: Room, name: ContenderName) =>
    listenThroughDrop(room, name, sourceOf(bed, name), quick);
  const [shaped, ours, theirs] = await Promise.all([
    alternate("shaped", quick ? 4 : 40, 5),
    through(rooms[0], "antiphon"),
    through(rooms[1], "hls.js"),
  ]);
  for (const room of rooms) await room.close();
  return [
    ...timeLines("start", "loopback", loopback),
    ...timeLines("start", "shaped", shaped),
    ...timeLines("start", "slow", slow),
    ...timeLines("seek", "loopback", loopback),
    ...timeLines("seek", "shaped", shaped),
    ...dropLines(ours, theirs, bed.ladderKbps),
    ...gaps,
  ];
}

/** In turns; when it must be quick, the peers in every other round. */
function contendersOf(turn: number, quick: boolean): readonly ContenderName[] {
  if (turn % 2 === 0) return CONTENDERS;
  return quick ? ["antiphon"] : CONTENDERS.toReversed();
}

function sourceOf(bed: PlaybackBed, name: ContenderName): string {
  if (name === "antiphon") return bed.trackId;
  // Chromium shares what it knows of a media file between elements: every play asks for another name.
  return name === "hls.js" ? "/bench/master.m3u8" : `/bench/progressive.ogg?${crypto.randomUUID()}`;
}

/** Each far from what is buffered, while something else is about to be asked for, or arrives. */
function seekPlan({ durationS }: PlaybackBed, turn: number, count: number): Seek[] {
  const spanS = durationS - 40;
  return Array.from({ length: count }, (_, i) => ({
    afterMs: (i * 60 + turn * 85) % 300,
    toS: 35 + ((turn * 3 + i * 0.4 * spanS) % spanS),
  }));
}

function timeLines(what: "start" | "seek", link: LinkName, measured: Rounds): Line[] {
  const { rttMs, kbps } = LINKS[link];
  const times = (name: ContenderName) =>
    measured[name].flatMap(({ startMs, sought }) =>
      what === "start" ? startMs : sought.map(({ ms }) => ms),
    );
  const ours = times("antiphon");
  const sought = measured.antiphon.flatMap((each) => each.sought);
  const slowest = sought.find(({ ms }) => ms === Math.max(...ours));
  return [0.5, 0.95].flatMap((share) =>
    PEERS.map((against): Line => {
      const [us, them] = [percentile(ours, share), percentile(times(against), share)];
      return {
        bench: "playback",
        metric: `${what}_p${share * 100}_ms_${link}`,
        unit: "ms",
        n: ours.length,
        offered: ours.length,
        achieved: ours.length,
        ours: round(us),
        against,
        peer: round(them),
        ratio: round(us / them),
        rtt_ms: rttMs,
        kbps: Number.isFinite(kbps) ? kbps : null,
        bytes_a_play: median(measured.antiphon.map(({ bytes }) => bytes)),
        ...(what === "seek" ? { slowest } : {}),
      };
    }),
  );
}

function dropLines(ours: Drop, theirs: Drop, ladderKbps: readonly number[]): Line[] {
  const line = (metric: string, unit: string, of: (drop: Drop) => number): Line => ({
    bench: "playback",
    metric,
    unit,
    n: 1,
    offered: 1,
    achieved: 1,
    ours: round(of(ours)),
    against: "hls.js",
    peer: round(of(theirs)),
    ratio: round(of(ours) / (of(theirs) || 1)),
    ladder_kbps: ladderKbps,
    played_s: round(ours.playedS),
    listened_s: round(ours.listenedS),
    // The proof that the drop was felt, and that there was somewhere to fall from.
    kbps_by_phase: ours.kbpsByPhase.map(round),
    rungs: ours.rungs,
  });
  return [
    line("stalls", "stalls", ({ stalls }) => stalls),
    line("top_rung", "rung", ({ topRung }) => topRung),
    line("top_rung_after_ms", "ms", ({ topRungAfterMs }) => topRungAfterMs),
  ];
}
