import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";

const ASK_EVERY_MS = 4_000;

/** How long to wait before asking again, in milliseconds: while a track is being prepared, or not at all. */
export function whilePreparing(tracks: readonly Track[] | undefined): number | false {
  return tracks?.some((track) => !track.playable) ? ASK_EVERY_MS : false;
}
