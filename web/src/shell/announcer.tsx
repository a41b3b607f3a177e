import { useCurrentItem, usePlayerState } from "../playback/player-context.tsx";

/** Tells screen readers which track plays, when that changes. */
export function Announcer() {
  const track = useCurrentItem()?.track;
  const { reconnecting } = usePlayerState();
  return (
    <p className="visually-hidden" role="status">
      {track && `Now playing: ${track.title}${track.artist ? ` by ${track.artist.name}` : ""}.`}
      {reconnecting && " The connection is lost. Trying again."}
    </p>
  );
}
