import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { HTMLAttributes } from "react";
import { Link } from "react-router";
import { useIsCurrent } from "../playback/player-context.tsx";
import { formatTime } from "../player/time.ts";
import { Cover } from "../ui/cover.tsx";
import { Icon } from "../ui/icons.tsx";
import { LikeButton } from "./like-button.tsx";
import { type TrackAction, TrackMenu } from "./track-menu.tsx";

interface TrackRowProps {
  readonly track: Track | undefined;
  readonly index: number;
  readonly album: boolean;
  readonly isCurrent: boolean | undefined;
  readonly actions: readonly TrackAction[];
  readonly handle: HTMLAttributes<HTMLButtonElement> | undefined;
  readonly dropMark: "above" | "below" | undefined;
  readonly lifted: boolean;
  readonly onPlay: () => void;
}

/** A track in a list. */
export function TrackRow(props: TrackRowProps) {
  const { track, index, album, isCurrent, actions, handle, dropMark, lifted, onPlay } = props;
  const playing = useIsCurrent(track?.id ?? "");
  if (!track) return <MissingRow index={index} actions={actions} />;
  const current = isCurrent === false ? undefined : playing;
  const state = [
    current && "current",
    dropMark && `drop-${dropMark}`,
    lifted && "lifted",
    !track.playable && "waiting",
  ];
  return (
    <li
      className={["track-row", ...state.filter(Boolean)].join(" ")}
      aria-current={current ? "true" : undefined}
      data-testid="track-row"
      data-track-id={track.id}
    >
      <button
        type="button"
        className={album ? "row-play numbered" : "row-play"}
        aria-label={`Play ${track.title} by ${track.artist?.name ?? "an unknown artist"}`}
        disabled={!track.playable}
        onClick={onPlay}
      >
        {album ? (
          <span className="row-number" data-number={track.trackNumber || index + 1} />
        ) : (
          <Cover
            coverId={track.coverId}
            albumKey={track.album?.id ?? track.id}
            trackKey={track.id}
            width={48}
          />
        )}
        <span className="row-play-icon">{current ? <Playing state={current} /> : <Icon name="play" />}</span>
      </button>
      <TrackText track={track} album={album} />
      <LikeButton track={track} />
      <span className="row-time">{formatTime(track.durationMs)}</span>
      <TrackMenu track={track} actions={actions} />
      {handle && (
        <button
          type="button"
          className="icon-button row-handle"
          aria-label={`Move ${track.title}: drag it, or press the up and down arrow keys`}
          {...handle}
        >
          <Icon name="grip" />
        </button>
      )}
    </li>
  );
}

function TrackText({ track, album }: { track: Track; album: boolean }) {
  return (
    <>
      <div className="row-text">
        <span className="row-title">{track.title}</span>
        <span className="row-artist">
          {!track.playable && <span className="badge">Being prepared</span>}
          {track.artist && <Link to={`/artist/${track.artist.id}`}>{track.artist.name}</Link>}
        </span>
      </div>
      {!album && track.album && (
        <Link className="row-album" to={`/album/${track.album.id}`}>
          {track.album.title}
        </Link>
      )}
    </>
  );
}

function MissingRow({ index, actions }: { index: number; actions: readonly TrackAction[] }) {
  const remove = actions.find((action) => action.icon === "trash");
  return (
    <li className="track-row waiting" data-testid="track-row">
      <span className="row-play numbered">{index + 1}</span>
      <div className="row-text">
        <span className="row-title">Not available</span>
        <span className="row-artist">The catalog does not know this track at the moment.</span>
      </div>
      {remove && (
        <button type="button" className="icon-button" aria-label="Remove the track" onClick={remove.onSelect}>
          <Icon name="trash" />
        </button>
      )}
    </li>
  );
}

/** Two bars that answer each other. */
function Playing({ state }: { state: "playing" | "paused" }) {
  return (
    <span
      className={`playing-mark ${state}`}
      role="img"
      aria-label={state === "playing" ? "Playing" : "Paused"}
    >
      <i />
      <i />
      <i />
    </span>
  );
}
