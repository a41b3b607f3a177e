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
import { type Drop, listenThroughDrop, openRoom, type Room, type Round } from "./playback-room.ts";
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
  const [code, bed] = await Promise.all([bundle(entry), startPlaybackBed(say)]);
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
  const alternate = async (link: LinkName, rounds: number, seeks = true): Promise<Rounds> => {
    const room = await open(LINKS[link]);
    const measured: Rounds = { antiphon: [], "hls.js": [], progressive: [] };
    for (let turn = 0; turn < rounds; turn++) {
      for (const name of turn % 2 === 0 ? CONTENDERS : CONTENDERS.toReversed()) {
        // A seek in one file takes seconds on a slow line: once is enough to see that.
        const seeksNow = seeks && !(quick && name === "progressive" && turn > 0);
        const seekTo = seeksNow ? seekTarget(bed, turn) : undefined;
        measured[name].push(await room.play(name, sourceOf(bed, name), seekTo));
      }
      say(`${link}: round ${turn + 1}/${rounds}`);
    }
    await room.close();
    return measured;
  };
  const loopback = await alternate("loopback", quick ? 6 : 40);
  const shaped = await alternate("shaped", quick ? 4 : 40);
  const rooms = [await open(LINKS.shaped), await open(LINKS.shaped)] as const;
  const through = (room: Room, name: ContenderName) =>
    listenThroughDrop(room, name, sourceOf(bed, name), quick);
  // What takes its time on a line takes none of the processor: these run side by side.
  const [slow, ours, theirs, gaps] = await Promise.all([
    alternate("slow", quick ? 2 : 12, false),
    through(rooms[0], "antiphon"),
    through(rooms[1], "hls.js"),
    gapLines(browser, quick),
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

function sourceOf(bed: PlaybackBed, name: ContenderName): string {
  if (name === "antiphon") return bed.trackId;
  // Chromium shares what it knows of a media file between elements: every play asks for another name.
  return name === "hls.js" ? "/bench/master.m3u8" : `/bench/progressive.ogg?${crypto.randomUUID()}`;
}

/** Always far from what is buffered. */
function seekTarget({ durationS }: PlaybackBed, turn: number): number {
  return 50 + ((turn * 17) % (durationS - 60));
}

function timeLines(what: "start" | "seek", link: LinkName, measured: Rounds): Line[] {
  const { rttMs, kbps } = LINKS[link];
  const times = (name: ContenderName) =>
    measured[name].map((each) => each[`${what}Ms`]).filter((ms) => ms !== undefined);
  const ours = times("antiphon");
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
