/** A stretch of time in seconds, its end excluded. */
export interface TimeRange {
  readonly start: number;
  readonly end: number;
}

/** What two ranges may be apart and still play as one: less than an Opus frame of 20 ms. */
const JOIN_TOLERANCE_S = 0.015;

/**
 * The index of the segment that sounds at `timeS`, by binary search over the boundaries.
 * Times before the start give the first segment, times past the end the last one.
 */
export function segmentAt(boundariesS: readonly number[], timeS: number): number {
  let low = 0;
  let high = boundariesS.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((boundariesS[middle] ?? 0) <= timeS) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

/** `TimeRanges` as an array, ranges that touch joined. */
export function toRanges(ranges: TimeRanges): TimeRange[] {
  const joined: TimeRange[] = [];
  for (let i = 0; i < ranges.length; i++) {
    const next = { start: ranges.start(i), end: ranges.end(i) };
    const last = joined.at(-1);
    if (last && next.start - last.end <= JOIN_TOLERANCE_S)
      joined[joined.length - 1] = { start: last.start, end: next.end };
    else joined.push(next);
  }
  return joined;
}

/** Until when playback can go on from `timeS` without another byte; `timeS` itself where nothing is buffered. */
export function bufferedEnd(ranges: readonly TimeRange[], timeS: number): number {
  const range = ranges.find((r) => r.start - JOIN_TOLERANCE_S <= timeS && timeS < r.end);
  return range ? range.end : timeS;
}

/** Whether all of `wanted` is buffered. */
export function covers(ranges: readonly TimeRange[], wanted: TimeRange): boolean {
  return ranges.some(
    (r) => r.start - JOIN_TOLERANCE_S <= wanted.start && wanted.end <= r.end + JOIN_TOLERANCE_S,
  );
}
