import type { LyricsLine } from "@antiphon/proto/antiphon/catalog/v1/catalog";

type Line = Pick<LyricsLine, "startMs" | "text">;

/** The position is read five times a second: on average a line would show that much late. */
const LEAD_MS = 100;

/** The index of the line that is sung at a position; −1 before the first one. Lines are in the order of time. */
export function lineAt(lines: readonly Line[], positionMs: number): number {
  return lines.findLastIndex(({ startMs }) => startMs <= positionMs + LEAD_MS);
}

/**
 * The index of the line that the tab key goes to: the current one, while nobody sings the one that was sung
 * last, and before the first words those. −1 where there are no words.
 */
export function tabStop(lines: readonly Line[], current: number): number {
  const sung = ({ text }: Line) => text !== "";
  const last = lines.slice(0, current + 1).findLastIndex(sung);
  return last === -1 ? lines.findIndex(sung) : last;
}
