import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useForListeners } from "../session/sign-in-prompt.tsx";
import { useToast } from "../ui/toasts.tsx";
import { usePlayer } from "./player-context.tsx";

/** What a listener can do with tracks. Visitors are asked to sign in. */
export interface PlayActions {
  /** Plays `tracks` from `start` on; `origin` says for people where they are from. */
  play(tracks: readonly Track[], start: number, origin: string): void;
  playNext(track: Track): void;
  addToQueue(track: Track): void;
}

/** Plays and queues tracks. */
export function usePlay(): PlayActions {
  const player = usePlayer();
  const forListeners = useForListeners();
  const toast = useToast();
  return {
    play: (tracks, start, origin) =>
      forListeners("listen", () => {
        const wanted = tracks[start];
        const playable = tracks.filter((track) => track.playable);
        const index = wanted ? playable.indexOf(wanted) : 0;
        if (index >= 0 && playable.length > 0) player.playTracks(playable, index, origin);
        else toast("This music is still being prepared. Try again in a moment.");
      }),
    playNext: (track) =>
      forListeners("listen", () => {
        player.enqueue([track], "next", "Your queue");
        toast(`“${track.title}” plays next.`);
      }),
    addToQueue: (track) =>
      forListeners("listen", () => {
        player.enqueue([track], "end", "Your queue");
        toast(`“${track.title}” is in the queue.`);
      }),
  };
}
