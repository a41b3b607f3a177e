import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { usePlayer } from "../playback/player-context.tsx";
import { usePlay } from "../playback/use-play.ts";
import { setShuffle } from "../player/queue.ts";
import { Icon } from "../ui/icons.tsx";

/** Plays all tracks of a page, from the first or in any order. */
export function PlayAll({ tracks, origin }: { tracks: readonly Track[]; origin: string }) {
  const { play } = usePlay();
  const player = usePlayer();
  const playable = tracks.filter((track) => track.playable);
  const start = (shuffled: boolean) => {
    player.edit((queue) => setShuffle(queue, shuffled));
    play(playable, shuffled ? Math.floor(Math.random() * playable.length) : 0, origin);
  };
  return (
    <>
      <button
        type="button"
        className="button primary large"
        data-testid="play-all"
        disabled={playable.length === 0}
        onClick={() => start(false)}
      >
        <Icon name="play" /> Play
      </button>
      <button
        type="button"
        className="button large"
        disabled={playable.length < 2}
        onClick={() => start(true)}
      >
        <Icon name="shuffle" /> Shuffle
      </button>
    </>
  );
}
