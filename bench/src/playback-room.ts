import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import type { BenchPage, ContenderName, Heard, Sought } from "./playback-page.ts";
import { type Link, type Shaper, startShaper } from "./shaper.ts";

/** A click on another place of the track. */
export interface Seek {
  /** How long to listen before. */
  readonly afterMs: number;
  readonly toS: number;
}

/** One play, and the seeks that were asked for. */
export interface Round {
  readonly startMs: number;
  readonly sought: readonly Sought[];
  /** Carried to the listener for all of it. */
  readonly bytes: number;
}

/** A listener's page behind a line of its own. */
export interface Room {
  readonly shaper: Shaper;
  /** Plays from the start, then from elsewhere. */
  play(name: ContenderName, source: string, seeks: readonly Seek[]): Promise<Round>;
  /** Plays from the start; resolves at the first sound. */
  begin(name: ContenderName, source: string): Promise<void>;
  /** Listens to what plays for so long, and ends it. */
  watch(forMs: number): Promise<Heard>;
  close(): Promise<void>;
}

const FAST: Link = { rttMs: 0, kbps: Number.POSITIVE_INFINITY };
/** A page has been there for a while before somebody clicks. */
const SETTLE_MS = 150;
let rooms = 0;

/** Opens the page and signs a listener up before the line is slow. */
export async function openRoom(browser: Browser, originPort: number, link: Link): Promise<Room> {
  const shaper = await startShaper(originPort, FAST);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${shaper.port}/bench/index.html`);
  const cdp = await context.newCDPSession(page);
  const bench = await page.evaluateHandle(() => (globalThis as unknown as { bench: BenchPage }).bench);
  await bench.evaluate((b, email) => b.register(email), `bench-${process.pid}-${rooms++}@example.org`);
  shaper.set(link);

  const prepare = async (name: ContenderName, source: string): Promise<void> => {
    await cdp.send("Network.clearBrowserCache");
    await bench.evaluate((b, [who, what]) => b.prepare(who, what), [name, source] as const);
    await sleep(SETTLE_MS);
  };
  return {
    shaper,
    async play(name, source, seeks) {
      await prepare(name, source);
      const before = shaper.bytesDown;
      const startMs = await bench.evaluate((b) => b.start());
      const sought: Sought[] = [];
      for (const { afterMs, toS } of seeks) {
        await sleep(afterMs);
        sought.push(await bench.evaluate((b, positionS) => b.seek(positionS), toS));
      }
      await bench.evaluate((b) => b.stop());
      return { startMs, sought, bytes: shaper.bytesDown - before };
    },
    async begin(name, source) {
      await prepare(name, source);
      await bench.evaluate((b) => b.start());
    },
    async watch(forMs) {
      const heard = await bench.evaluate((b, ms) => b.watch(ms), forMs);
      await bench.evaluate((b) => b.stop());
      return heard;
    },
    async close() {
      await context.close();
      shaper.stop();
    },
  };
}

/** A stretch of listening in which the line breaks down and comes back. */
export interface Drop extends Heard {
  readonly listenedS: number;
  readonly topRung: number;
  /** From the first sound. */
  readonly topRungAfterMs: number;
  /** What was carried while the line was good, bad, and good again. */
  readonly kbpsByPhase: readonly number[];
}

const GOOD: Link = { rttMs: 50, kbps: 1_500 };
const BAD: Link = { rttMs: 50, kbps: 200 };

/** The line breaks down before much is buffered: nothing but a lower quality helps over it. */
export async function listenThroughDrop(
  room: Room,
  name: ContenderName,
  source: string,
  quick: boolean,
): Promise<Drop> {
  const phases = [
    { link: GOOD, ms: quick ? 3_000 : 5_000 },
    { link: BAD, ms: quick ? 11_000 : 45_000 },
    { link: GOOD, ms: quick ? 4_000 : 20_000 },
  ];
  const totalMs = phases.reduce((sum, { ms }) => sum + ms, 0);
  await room.begin(name, source);
  const listening = room.watch(totalMs);
  const kbpsByPhase: number[] = [];
  for (const { link, ms } of phases) {
    room.shaper.set(link);
    const before = room.shaper.bytesDown;
    await sleep(ms);
    kbpsByPhase.push(((room.shaper.bytesDown - before) * 8) / ms);
  }
  const heard = await listening;
  const topRung = Math.max(...heard.rungs.map(({ rung = 0 }) => rung));
  const reached = heard.rungs.find(({ rung }) => rung === topRung);
  return { ...heard, listenedS: totalMs / 1000, topRung, topRungAfterMs: reached?.atMs ?? 0, kbpsByPhase };
}
