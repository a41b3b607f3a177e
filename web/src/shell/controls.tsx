import { useMemo } from "react";
import { usePlayer, usePlayerState, usePosition } from "../playback/player-context.tsx";
import { cycleRepeat, setShuffle } from "../player/queue.ts";
import { formatTime } from "../player/time.ts";
import { Icon } from "../ui/icons.tsx";
import { Slider } from "./slider.tsx";
import { waveformShape } from "./waveform.ts";
import "./controls.css";

/** Previous, play or pause, next; with shuffle and repeat around them. */
export function Controls() {
  const player = usePlayer();
  const { queue } = usePlayerState();
  const repeatNames = { off: "Repeat is off", all: "Repeats the queue", one: "Repeats this track" };
  return (
    <fieldset className="controls" aria-label="Playback">
      <button
        type="button"
        className="icon-button toggle"
        aria-pressed={queue.shuffled}
        aria-label="Shuffle"
        onClick={() => player.edit((q) => setShuffle(q, !q.shuffled))}
      >
        <Icon name="shuffle" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label="Previous track"
        data-testid="previous-button"
        disabled={queue.index < 0}
        onClick={() => player.previous()}
      >
        <Icon name="previous" />
      </button>
      <PlayButton />
      <NextButton />
      <button
        type="button"
        className={`icon-button toggle repeat-${queue.repeat}`}
        aria-pressed={queue.repeat !== "off"}
        aria-label={repeatNames[queue.repeat]}
        onClick={() => player.edit(cycleRepeat)}
      >
        <Icon name="repeat" />
      </button>
    </fieldset>
  );
}

/** Plays and pauses. Turns while music is wanted and does not sound yet. */
export function PlayButton() {
  const player = usePlayer();
  const { status, queue } = usePlayerState();
  const wants = status === "playing" || status === "waiting";
  return (
    <button
      type="button"
      className="play-button"
      aria-label={wants ? "Pause" : "Play"}
      aria-busy={status === "waiting"}
      data-testid="play-button"
      data-status={status}
      disabled={queue.index < 0}
      onClick={() => player.toggle()}
    >
      <Icon name={wants ? "pause" : "play"} />
    </button>
  );
}

/** Goes to the next track. */
export function NextButton() {
  const player = usePlayer();
  const { queue } = usePlayerState();
  return (
    <button
      type="button"
      className="icon-button"
      aria-label="Next track"
      data-testid="next-button"
      disabled={queue.index < 0}
      onClick={() => player.next()}
    >
      <Icon name="next" />
    </button>
  );
}

/** How far the track is, and the way to anywhere in it; with `waveform` in the shape of the music. */
export function SeekBar({ waveform = false }: { waveform?: boolean }) {
  const player = usePlayer();
  const { position, refresh } = usePosition();
  const { durationMs, peaks } = usePlayerState();
  const shape = useMemo(() => (waveform ? waveformShape(peaks) : undefined), [waveform, peaks]);
  const seek = (positionMs: number) => {
    player.seek(positionMs);
    refresh();
  };
  return (
    <div className="seek-bar">
      <span className="clock" data-testid="position">
        {formatTime(position)}
      </span>
      <Slider
        label="Position in the track"
        testId="seek"
        value={Math.round(position)}
        max={Math.round(durationMs)}
        step={1000}
        keyStep={5000}
        valueText={(value) => `${formatTime(value)} of ${formatTime(durationMs)}`}
        commitOnDrop
        shape={shape}
        disabled={durationMs === 0}
        onChange={seek}
      />
      <span className="clock" data-testid="duration">
        {formatTime(durationMs)}
      </span>
    </div>
  );
}

/** Loudness, and silence. */
export function VolumeControl() {
  const player = usePlayer();
  const { volume, muted } = usePlayerState();
  const silent = muted || volume === 0;
  return (
    <div className="volume">
      <button
        type="button"
        className="icon-button"
        aria-pressed={muted}
        aria-label="Mute"
        data-testid="mute-button"
        onClick={() => player.toggleMute()}
      >
        <Icon name={silent ? "muted" : "volume"} />
      </button>
      <Slider
        label="Volume"
        testId="volume"
        value={muted ? 0 : volume}
        max={1}
        step={0.05}
        valueText={(value) => `${Math.round(value * 100)} percent`}
        onChange={(value) => player.setVolume(value)}
      />
    </div>
  );
}
