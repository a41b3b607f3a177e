import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { Link } from "react-router";
import { DevicePicker, Elsewhere } from "../devices/device-picker.tsx";
import { useCurrentItem, usePlayerState, usePosition } from "../playback/player-context.tsx";
import { LikeButton } from "../tracks/like-button.tsx";
import { Cover } from "../ui/cover.tsx";
import { Icon } from "../ui/icons.tsx";
import { Controls, NextButton, PlayButton, SeekBar, VolumeControl } from "./controls.tsx";
import { LevelMeter, Quality } from "./quality.tsx";
import "./player-bar.css";

/** The player, at the foot of every page: whole on wide screens, small on phones. */
export function PlayerBar() {
  const track = useCurrentItem()?.track;
  return (
    <section className={track ? "player-bar" : "player-bar empty"} aria-label="Player" data-testid="player">
      <MiniProgress />
      <Elsewhere />
      {track ? (
        <NowPlaying track={track} />
      ) : (
        <p className="nothing-playing">Nothing plays. Choose some music.</p>
      )}
      <div className="player-middle">
        <Controls />
        <SeekBar />
      </div>
      <div className="player-side">
        <LevelMeter />
        <Quality />
        <DevicePicker />
        <Link to="/queue" className="icon-button" aria-label="Queue">
          <Icon name="queue" />
        </Link>
        <VolumeControl />
      </div>
      <div className="player-mini">
        <PlayButton />
        <NextButton />
      </div>
    </section>
  );
}

function NowPlaying({ track }: { track: Track }) {
  return (
    <div className="now-playing">
      <Link to="/queue" className="now-playing-cover" aria-label="Show what plays">
        <Cover
          coverId={track.coverId}
          albumKey={track.album?.id ?? track.id}
          trackKey={track.id}
          width={64}
          eager
        />
      </Link>
      <div className="now-playing-text">
        <Link to="/queue" className="now-playing-title" data-testid="now-playing-title">
          {track.title}
        </Link>
        {track.artist && (
          <Link
            to={`/artist/${track.artist.id}`}
            className="now-playing-artist"
            data-testid="now-playing-artist"
          >
            {track.artist.name}
          </Link>
        )}
      </div>
      <LikeButton track={track} />
    </div>
  );
}

function MiniProgress() {
  const { position } = usePosition();
  const { durationMs } = usePlayerState();
  return (
    <span className="mini-progress" aria-hidden="true">
      <i style={{ width: `${durationMs > 0 ? Math.min(100, (position / durationMs) * 100) : 0}%` }} />
    </span>
  );
}
