import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from "react";
import type { Player } from "../player/player.ts";
import type { PlayerState } from "../player/player-types.ts";
import { currentItem, type QueueItem } from "../player/queue.ts";

const PlayerContext = createContext<Player | undefined>(undefined);

/** Gives the page its player. */
export function PlayerProvider({ player, children }: { player: Player; children: ReactNode }) {
  return <PlayerContext value={player}>{children}</PlayerContext>;
}

/** The page's player. Throws outside of a `PlayerProvider`. */
export function usePlayer(): Player {
  const player = useContext(PlayerContext);
  if (!player) throw new Error("usePlayer needs a PlayerProvider around it");
  return player;
}

/** What the player does. Renders again at each change. */
export function usePlayerState(): PlayerState {
  const player = usePlayer();
  return useSyncExternalStore(player.subscribe, player.getState);
}

/** The queue entry that plays. */
export function useCurrentItem(): QueueItem | undefined {
  const player = usePlayer();
  return useSyncExternalStore(player.subscribe, () => currentItem(player.getState().queue));
}

/** Whether a track is the one that plays, and whether it sounds. Renders only when that changes. */
export function useIsCurrent(trackId: string): "playing" | "paused" | undefined {
  const player = usePlayer();
  return useSyncExternalStore(player.subscribe, () => {
    const { queue, status } = player.getState();
    if (status === "idle" || currentItem(queue)?.track.id !== trackId) return undefined;
    return status === "paused" ? "paused" : "playing";
  });
}

const POSITION_EVERY_MS = 200;

/**
 * What `read` makes of the milliseconds into the track, a few times a second and when `refresh` is called.
 * Renders only when that changes; keep `read` the same between renders.
 */
export function useAtPosition(read: (positionMs: number) => number) {
  const player = usePlayer();
  const [value, setValue] = useState(() => read(player.positionMs));
  const refresh = useCallback(() => setValue(read(player.positionMs)), [player, read]);
  useEffect(() => {
    const timer = setInterval(refresh, POSITION_EVERY_MS);
    const unsubscribe = player.subscribe(refresh);
    return () => {
      clearInterval(timer);
      unsubscribe();
    };
  }, [player, refresh]);
  return { value, refresh };
}

const asItIs = (positionMs: number) => positionMs;

/** Milliseconds into the track, read a few times a second, and when `refresh` is called. */
export function usePosition(): { readonly position: number; readonly refresh: () => void } {
  const { value, refresh } = useAtPosition(asItIs);
  return { position: value, refresh };
}
