import { Link } from "react-router";
import { DevicePicker, Elsewhere } from "../devices/device-picker.tsx";
import { useDevices } from "../devices/devices-context.tsx";
import { Lyrics } from "../lyrics/lyrics.tsx";
import { usePlayer, usePlayerState } from "../playback/player-context.tsx";
import { clearUpcoming, currentItem, moveItem, type QueueItem, removeItem } from "../player/queue.ts";
import { useSession } from "../session/use-session.ts";
import { Controls, SeekBar, VolumeControl } from "../shell/controls.tsx";
import { LevelMeter, Quality } from "../shell/quality.tsx";
import { LikeButton } from "../tracks/like-button.tsx";
import { TrackList } from "../tracks/track-list.tsx";
import { TrackMenu } from "../tracks/track-menu.tsx";
import { Cover } from "../ui/cover.tsx";
import { Section } from "../ui/section.tsx";
import { EmptyState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import "./queue.css";

/** What plays, large, and what comes next. On phones, this is the whole player. */
export function QueuePage() {
  const { queue } = usePlayerState();
  useTitle("Queue");
  const { isKnown } = useDevices();
  const { status } = useSession();
  const item = currentItem(queue);
  if (!item && status !== "signed-out" && !isKnown) return <RowSkeletons />;
  if (!item) {
    return (
      <EmptyState icon="queue" title="The queue is empty">
        <p>
          Play an album, a playlist or a song, and what follows is listed here.{" "}
          <Link to="/">Find some music</Link>
        </p>
      </EmptyState>
    );
  }
  return (
    <div className="queue-page">
      <Stage item={item} />
      <div className="queue-side">
        <Lyrics trackId={item.track.id} />
        <Upcoming />
      </div>
    </div>
  );
}

function Stage({ item: { track, origin } }: { item: QueueItem }) {
  return (
    <section className="stage" aria-label="Now playing">
      <div className="stage-cover">
        <Cover
          coverId={track.coverId}
          albumKey={track.album?.id ?? track.id}
          trackKey={track.id}
          width={416}
          eager
        />
      </div>
      <div className="stage-text">
        <div>
          <p className="eyebrow">{origin}</p>
          <h1>{track.title}</h1>
          {track.artist && (
            <Link className="stage-artist" to={`/artist/${track.artist.id}`}>
              {track.artist.name}
            </Link>
          )}
          {track.album && (
            <Link className="stage-album" to={`/album/${track.album.id}`}>
              {track.album.title}
            </Link>
          )}
        </div>
        <LikeButton track={track} />
        <TrackMenu track={track} />
      </div>
      <SeekBar waveform />
      <div className="stage-player">
        <Controls />
        <div className="stage-side">
          <LevelMeter />
          <Quality />
          <DevicePicker />
          <VolumeControl />
        </div>
        <Elsewhere />
      </div>
    </section>
  );
}

function Upcoming() {
  const player = usePlayer();
  const { queue } = usePlayerState();
  const first = queue.index + 1;
  const upcoming = queue.items.slice(first);
  return (
    <Section title="Next" className="upcoming">
      {upcoming.length === 0 ? (
        <p className="quiet">
          Nothing yet. When this song ends, Antiphon goes on with music that goes with it.
        </p>
      ) : (
        <>
          <button type="button" className="button" onClick={() => player.edit(clearUpcoming)}>
            Clear
          </button>
          <TrackList
            label="Next in the queue"
            entries={upcoming.map(({ uid, track }) => ({
              key: uid,
              track,
              actions: [
                {
                  icon: "trash",
                  label: "Remove from the queue",
                  onSelect: () => player.edit((q) => removeItem(q, uid)),
                },
              ],
            }))}
            currentKey=""
            onPlay={(index) => player.playAt(first + index)}
            onMove={(from, to) => player.edit((q) => moveItem(q, first + from, first + to))}
          />
        </>
      )}
    </Section>
  );
}
