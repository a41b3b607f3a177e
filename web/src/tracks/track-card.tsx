import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { Link } from "react-router";
import { useIsCurrent, usePlayer } from "../playback/player-context.tsx";
import { Cover } from "../ui/cover.tsx";
import { Icon } from "../ui/icons.tsx";
import { TrackMenu } from "./track-menu.tsx";
import "./track-card.css";

/** A track as a cover: a click plays it. */
export function TrackCard({ track, onPlay }: { track: Track; onPlay: () => void }) {
  const current = useIsCurrent(track.id);
  const player = usePlayer();
  const { title, artist, album } = track;
  const by = artist ? ` by ${artist.name}` : "";
  return (
    <article
      className={current ? "track-card current" : "track-card"}
      data-testid="track-card"
      data-track-id={track.id}
    >
      <button
        type="button"
        className="track-card-cover"
        aria-label={current === "playing" ? `Pause ${title}` : `Play ${title}${by}`}
        disabled={!track.playable}
        onClick={() => (current ? player.toggle() : onPlay())}
      >
        <Cover coverId={track.coverId} albumKey={album?.id ?? track.id} trackKey={track.id} />
        <span className="track-card-play">
          <Icon name={current === "playing" ? "pause" : "play"} />
        </span>
      </button>
      {!track.playable && <span className="badge">Being prepared</span>}
      <div className="track-card-text">
        {album ? (
          <Link to={`/album/${album.id}`} className="card-title">
            {title}
          </Link>
        ) : (
          <span className="card-title">{title}</span>
        )}
        {artist && (
          <Link to={`/artist/${artist.id}`} className="card-note">
            {artist.name}
          </Link>
        )}
      </div>
      <TrackMenu track={track} />
    </article>
  );
}
