import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useEffect } from "react";
import { UnsupportedAudioError } from "../player/playback.ts";
import { describeError, isUnauthenticated } from "../rpc/errors.ts";
import { useAskToSignIn } from "../session/sign-in-prompt.tsx";
import { useToast } from "../ui/toasts.tsx";

type OnFailed = (track: Track, error: unknown) => void;

/** Carries failures from the player, which knows no React, to the page, which comes and goes. */
export interface Failures {
  readonly push: OnFailed;
  listen(listener: OnFailed): () => void;
}

export function playerFailures(): Failures {
  const listeners = new Set<OnFailed>();
  return {
    push: (track, error) => {
      for (const listener of listeners) listener(track, error);
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Tells the listener why a track does not play. */
export function PlayerFailures({ failures }: { failures: Failures }) {
  const toast = useToast();
  const askToSignIn = useAskToSignIn();
  useEffect(
    () =>
      failures.listen((track, error) => {
        if (isUnauthenticated(error)) askToSignIn("listen");
        else if (error instanceof UnsupportedAudioError) toast(error.message);
        else toast(`“${track.title}” does not play. ${describeError(error)}`);
      }),
    [failures, toast, askToSignIn],
  );
  return null;
}
