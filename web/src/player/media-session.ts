import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { Player } from "./player.ts";
import { currentItem } from "./queue.ts";

/** Seconds to move where the device does not say how many. */
const SEEK_STEP_S = 10;

/** The pictures of a cover, in the sizes that there are. */
export type ArtworkOf = (coverId: string) => MediaImage[];

function metadata({ title, artist, album, coverId }: Track, artworkOf: ArtworkOf): MediaMetadata {
  return new MediaMetadata({
    title,
    artist: artist?.name ?? "",
    album: album?.title ?? "",
    artwork: coverId ? artworkOf(coverId) : [],
  });
}

function setActionHandlers(player: Player): void {
  const seekBy = (seconds: number) => player.seek(player.positionMs + seconds * 1000);
  const handlers: [MediaSessionAction, MediaSessionActionHandler][] = [
    ["play", () => player.resume()],
    ["pause", () => player.pause()],
    ["stop", () => player.pause()],
    ["previoustrack", () => player.previous()],
    ["nexttrack", () => player.next()],
    ["seekto", (details) => player.seek((details.seekTime ?? 0) * 1000)],
    ["seekbackward", (details) => seekBy(-(details.seekOffset ?? SEEK_STEP_S))],
    ["seekforward", (details) => seekBy(details.seekOffset ?? SEEK_STEP_S)],
  ];
  for (const [action, handler] of handlers) {
    try {
      navigator.mediaSession.setActionHandler(action, handler);
    } catch {
      // This browser does not know the action.
    }
  }
}

/** Lets media keys, headsets and lock screens command the player, and shows them what plays. */
export function connectMediaSession(player: Player, element: HTMLAudioElement, artworkOf: ArtworkOf): void {
  if (!("mediaSession" in navigator)) return;
  const session = navigator.mediaSession;
  setActionHandlers(player);
  let shown: Track | undefined;
  const show = () => {
    const { queue, status, durationMs } = player.getState();
    const track = currentItem(queue)?.track;
    if (track !== shown) {
      session.metadata = track ? metadata(track, artworkOf) : null;
      shown = track;
    }
    session.playbackState = status === "idle" ? "none" : status === "paused" ? "paused" : "playing";
    if (durationMs === 0) return;
    const position = Math.min(player.positionMs, durationMs) / 1000;
    session.setPositionState?.({ duration: durationMs / 1000, position });
  };
  player.subscribe(show);
  // The system lets its clock run by itself: it needs to hear of jumps only.
  element.addEventListener("seeked", show);
}
