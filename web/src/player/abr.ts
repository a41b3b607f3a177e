/** What the choice of a quality depends on. */
export interface AbrInput {
  /** From the lowest to the highest; never empty. */
  readonly bitratesKbps: readonly number[];
  readonly throughputKbps: number;
  /** Seconds of music buffered ahead of the playhead. */
  readonly bufferS: number;
  /** How far ahead the buffer is filled, in seconds. */
  readonly bufferTargetS: number;
  /** Nothing sounds yet: every millisecond of the first segment is silence. */
  readonly starting: boolean;
  readonly segmentS: number;
}

/** How much of the measured throughput to spend while the buffer cannot absorb a mistake. */
const SAFETY = 0.8;
/** A bitrate below this share of the throughput needs no help from the buffer. */
const COMFORT = 0.5;
/** The longest that the first segment should take to arrive. */
const START_BUDGET_S = 0.1;
/** From this much buffer on, the buffer's level is a better guide than throughput. */
export const HEALTHY_BUFFER_S = 10;
/** Below this much buffer BOLA takes the lowest quality. */
const BOLA_MINIMUM_S = 4;

/** The highest bitrate that fits into `budgetKbps`, or the lowest where none does. */
export function byThroughput(bitratesKbps: readonly number[], budgetKbps: number): number {
  const index = bitratesKbps.findLastIndex((bitrate) => bitrate <= budgetKbps);
  return Math.max(0, index);
}

/**
 * BOLA: picks the quality that maximises (utility − what it costs the buffer) per bit, where utility
 * is the logarithm of the bitrate. Needs no estimate of throughput.
 * Source: Spiteri et al. 2016, "BOLA: Near-Optimal Bitrate Adaptation for Online Videos".
 */
export function byBuffer(bitratesKbps: readonly number[], bufferS: number, bufferTargetS: number): number {
  const lowest = bitratesKbps[0] ?? 1;
  const utilities = bitratesKbps.map((bitrate) => Math.log(bitrate / lowest) + 1);
  const top = utilities.at(-1) ?? 1;
  const gain = (top - 1) / (Math.max(bufferTargetS, BOLA_MINIMUM_S + 1) / BOLA_MINIMUM_S - 1);
  const scale = gain > 0 ? BOLA_MINIMUM_S / gain : 0;
  let best = 0;
  let bestScore = Number.NEGATIVE_INFINITY;
  bitratesKbps.forEach((bitrate, index) => {
    const score = (scale * ((utilities[index] ?? 0) + gain) - bufferS) / bitrate;
    if (score >= bestScore) [best, bestScore] = [index, score];
  });
  return best;
}

/**
 * The index of the quality to fetch the next segment in.
 * At the start: what arrives within 100 ms. On a low buffer: 80 % of the measured throughput. Once the
 * buffer is healthy: BOLA, within what the link makes plausible (after the DYNAMIC design of dash.js).
 */
export function chooseQuality(input: AbrInput): number {
  const { bitratesKbps, throughputKbps, bufferS, bufferTargetS, segmentS } = input;
  if (input.starting) return byThroughput(bitratesKbps, (throughputKbps * START_BUDGET_S) / segmentS);
  const sustainable = byThroughput(bitratesKbps, throughputKbps * SAFETY);
  if (bufferS < HEALTHY_BUFFER_S) return sustainable;
  // BOLA alone would dip while a fast link fills the buffer: never below what the link carries twice over,
  // and never more than one step above what it sustains.
  const floor = byThroughput(bitratesKbps, throughputKbps * COMFORT);
  const ceiling = Math.min(sustainable + 1, bitratesKbps.length - 1);
  return Math.min(Math.max(byBuffer(bitratesKbps, bufferS, bufferTargetS), floor), ceiling);
}

/** How a download is doing. */
export interface DownloadProgress {
  readonly totalBytes: number;
  readonly receivedBytes: number;
  readonly elapsedMs: number;
  /** The size of the same segment in the quality to fall back to. */
  readonly fallbackBytes: number;
  readonly bufferS: number;
}

/** What a download did in less time says more about latency than about throughput. */
const JUDGE_AFTER_MS = 500;

/**
 * Whether a segment under way should be given up for a lower quality: it would come after the buffer
 * has run out, and later than the fallback would.
 */
export function shouldAbandon(progress: DownloadProgress): boolean {
  const { totalBytes, receivedBytes, elapsedMs, fallbackBytes, bufferS } = progress;
  if (elapsedMs < JUDGE_AFTER_MS || receivedBytes === 0) return false;
  const msPerByte = elapsedMs / receivedBytes;
  const remainingMs = (totalBytes - receivedBytes) * msPerByte;
  return remainingMs > bufferS * 1000 && remainingMs > fallbackBytes * msPerByte;
}
