/// <reference lib="dom" />
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { createClient } from "@connectrpc/connect";
import { createTransport } from "../../web/src/rpc/transport.ts";
import { antiphonContender } from "../peers/playback/antiphon.ts";
import type { Contender } from "../peers/playback/contender.ts";
import { hlsContender } from "../peers/playback/hls.ts";
import { progressiveContender } from "../peers/playback/progressive.ts";

const contenders = {
  antiphon: antiphonContender,
  "hls.js": hlsContender,
  progressive: progressiveContender,
};
export type ContenderName = keyof typeof contenders;

/** What the time of a seek went on, in milliseconds from the click. */
export interface Sought {
  /** Until the playhead moved there. */
  readonly ms: number;
  /** Of the request that brought the music; absent where none was needed. */
  readonly askedMs?: number;
  readonly firstByteMs?: number;
  readonly lastByteMs?: number;
  readonly bytes?: number;
}

/** What one stretch of listening was like. */
export interface Heard {
  readonly stalls: number;
  readonly playedS: number;
  /** At each change: since when, from the beginning of the watch, which step of the ladder sounded. */
  readonly rungs: readonly { readonly atMs: number; readonly rung: number | undefined }[];
}

const POLL_MS = 4;
const WATCH_MS = 50;
/** Music that stands still for so long has stalled. */
const STALL_MS = 250;

let contender: Contender;

/** Rejects after 20 s: something is broken. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited 20 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function heard(): { timeS: number; moving: boolean } {
  const { element } = contender;
  const moving =
    !element.paused && !element.seeking && element.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
  return { timeS: element.currentTime, moving };
}

/** When the largest answer to what was asked for since then came. */
function requestSince(clickedAt: number): Omit<Sought, "ms"> {
  const entries = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
  const [largest] = entries
    .filter(({ startTime, transferSize }) => startTime >= clickedAt && transferSize > 0)
    .sort((a, b) => b.encodedBodySize - a.encodedBodySize);
  if (!largest) return {};
  const { requestStart, responseStart, responseEnd, encodedBodySize } = largest;
  return {
    askedMs: requestStart - clickedAt,
    firstByteMs: responseStart - clickedAt,
    lastByteMs: responseEnd - clickedAt,
    bytes: encodedBodySize,
  };
}

/** What the bench asks of the page, for every contender alike. */
const bench = {
  async register(email: string): Promise<void> {
    const identity = createClient(IdentityService, createTransport(location.origin));
    await identity.register({ email, password: "correct horse battery", displayName: "Bench" });
  },

  /** Makes a contender that knows nothing yet. */
  prepare(name: ContenderName, source: string): void {
    localStorage.clear();
    contender = contenders[name](source);
  },

  /** Milliseconds from the click until the playhead moves. */
  async start(): Promise<number> {
    const { element } = contender;
    const clickedAt = performance.now();
    let from = Number.POSITIVE_INFINITY;
    element.addEventListener("playing", () => (from = element.currentTime), { once: true });
    contender.play();
    await until(() => heard().moving && element.currentTime > from, "the first sound");
    return performance.now() - clickedAt;
  },

  async seek(positionS: number): Promise<Sought> {
    const target = contender.startS() + positionS;
    performance.clearResourceTimings();
    const clickedAt = performance.now();
    contender.seek(positionS);
    await until(
      () => heard().moving && contender.element.currentTime > target + 0.001,
      "the sound after a seek",
    );
    return { ms: performance.now() - clickedAt, ...requestSince(clickedAt) };
  },

  /** Listens for so long. */
  async watch(forMs: number): Promise<Heard> {
    const beganAt = performance.now();
    const fromS = heard().timeS;
    const rungs: { atMs: number; rung: number | undefined }[] = [];
    let last = { timeS: fromS, atMs: beganAt };
    let stalls = 0;
    let stalled = false;
    while (performance.now() - beganAt < forMs) {
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      const now = performance.now();
      const rung = contender.rung();
      if (rung !== rungs.at(-1)?.rung) rungs.push({ atMs: now - beganAt, rung });
      const { timeS } = heard();
      if (timeS > last.timeS) {
        last = { timeS, atMs: now };
        stalled = false;
      } else if (!stalled && now - last.atMs > STALL_MS) {
        stalled = true;
        stalls++;
      }
    }
    return { stalls, playedS: last.timeS - fromS, rungs };
  },

  stop: () => contender.stop(),
};

export type BenchPage = typeof bench;
Object.assign(globalThis, { bench });
