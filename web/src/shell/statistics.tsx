import { useEffect, useState } from "react";
import { usePlayer } from "../playback/player-context.tsx";
import "./statistics.css";

const LOOK_EVERY_MS = 500;

/** How well the music plays, over the page. */
export function Statistics() {
  const player = usePlayer();
  const [stats, setStats] = useState(() => player.stats());
  useEffect(() => {
    const timer = setInterval(() => setStats(player.stats()), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [player]);
  const rows = [
    ["Quality", `${stats.codec} ${stats.bitrateKbps} kbit/s`],
    ["Buffer", `${stats.bufferS.toFixed(1)} s`],
    ["Line", `${Math.round(stats.throughputKbps)} kbit/s`],
    ["Start", stats.startMs === 0 ? "without a gap" : `${Math.round(stats.startMs)} ms`],
    ["Stalls", String(stats.stalls)],
    ["Quality changes", String(stats.qualityChanges)],
  ];
  return (
    <dl className="statistics" aria-label="Statistics" data-testid="statistics">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
