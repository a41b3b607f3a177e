import { type Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Bytes of a file: `length` from `offset`. */
interface Range {
  readonly offset: number;
  readonly length: number;
}

/** What somebody listens to: one quality of a track, whose segments take `segmentS` seconds each. */
export interface Stream {
  readonly url: URL;
  readonly segments: readonly Range[];
  readonly segmentS: number;
}

/** What one listener got. */
export interface Listened {
  readonly fetchMs: number[];
  /** Segments that came after the music before them had ended. */
  late: number;
  failed: number;
  bytes: number;
}

/** As the engine fills its buffer. */
const AHEAD_S = 30;

/**
 * Plays in real time until the signal, without a browser: fetches what is missing of the next 30 s, one
 * segment after the other, from the start again when the track ends.
 */
export async function listen(
  { url, segments, segmentS }: Stream,
  agent: Agent,
  signal: AbortSignal,
): Promise<Listened> {
  const got: Listened = { fetchMs: [], late: 0, failed: 0, bytes: 0 };
  let firstSoundAt: number | undefined;
  for (let index = 0; !signal.aborted; index++) {
    const askedAt = performance.now();
    const range = segments[index % segments.length]!;
    const bytes = await fetchRange(url, range, agent).catch(() => 0);
    const now = performance.now();
    if (bytes === range.length) got.fetchMs.push(now - askedAt);
    else got.failed++;
    got.bytes += bytes;
    firstSoundAt ??= now;
    const dueAt = firstSoundAt + index * segmentS * 1000;
    if (index > 0 && now > dueAt) got.late++;
    await sleep(Math.max(0, dueAt - AHEAD_S * 1000 - now), undefined, { signal }).catch(() => {});
  }
  return got;
}

/** Resolves with how many bytes came; rejects where the connection breaks. */
function fetchRange(url: URL, { offset, length }: Range, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { range: `bytes=${offset}-${offset + length - 1}` };
    const asked = get(url, { agent, headers }, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => (bytes += chunk.length));
      answer.on("end", () => resolve(answer.statusCode === 206 ? bytes : 0));
      answer.on("error", reject);
    });
    asked.on("error", reject);
  });
}
