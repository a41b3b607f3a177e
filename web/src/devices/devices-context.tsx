import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from "react";
import { usePlayer } from "../playback/player-context.tsx";
import { describeError } from "../rpc/errors.ts";
import { useSession } from "../session/use-session.ts";
import { useToast } from "../ui/toasts.tsx";
import type { Devices, SharedQueue } from "./shared-queue.ts";

const SharedQueueContext = createContext<SharedQueue | undefined>(undefined);

/** Gives the page the queue that it shares with the listener's other devices. */
export function SharedQueueProvider({ shared, children }: { shared: SharedQueue; children: ReactNode }) {
  return <SharedQueueContext value={shared}>{children}</SharedQueueContext>;
}

function useSharedQueue(): SharedQueue {
  const shared = useContext(SharedQueueContext);
  if (!shared) throw new Error("useSharedQueue needs a SharedQueueProvider around it");
  return shared;
}

/** Shares the queue for as long as somebody is signed in. A visitor's stays in the page. */
export function QueueSharing() {
  const shared = useSharedQueue();
  const player = usePlayer();
  const toast = useToast();
  const { listener } = useSession();
  const listenerId = listener?.id;
  useEffect(() => {
    if (!listenerId) return;
    const stop = shared.start((error) => toast(`The queue could not be changed. ${describeError(error)}`));
    return () => {
      stop();
      player.clear();
    };
  }, [shared, player, toast, listenerId]);
  return null;
}

/** The listener's devices, and how to let one of them play. */
export function useDevices(): Devices & { readonly ownId: string; transfer(deviceId: string): void } {
  const shared = useSharedQueue();
  const toast = useToast();
  const devices = useSyncExternalStore(shared.subscribe, shared.getState);
  return {
    ...devices,
    ownId: shared.own.id,
    transfer: (deviceId) =>
      void shared
        .transfer(deviceId)
        .catch((error: unknown) => toast(`The music could not be moved. ${describeError(error)}`)),
  };
}
