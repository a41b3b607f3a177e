import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";
import { usePlayer } from "../playback/player-context.tsx";

const SEEK_STEP_MS = 5_000;

/** What types, or has a use of its own for the arrow keys. */
const OWN_KEYS = "input, textarea, select, [contenteditable], [role=menu], dialog";
/** What the space bar presses. */
const PRESSABLE = "button, a, summary";

/**
 * Keys of the whole page: space plays and pauses, ← and → seek by five seconds, / goes to the search.
 */
export function useShortcuts(): void {
  const player = usePlayer();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  useEffect(() => {
    const actions: Record<string, () => void> = {
      " ": () => player.toggle(),
      ArrowLeft: () => player.seek(player.positionMs - SEEK_STEP_MS),
      ArrowRight: () => player.seek(player.positionMs + SEEK_STEP_MS),
      "/": () => {
        if (pathname !== "/search") void navigate("/search");
        else document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      },
    };
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : undefined;
      const action = actions[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (target?.closest(OWN_KEYS) || (event.key === " " && target?.closest(PRESSABLE))) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [player, navigate, pathname]);
}
