import { useEffect, useRef, useState } from "react";
import { usePlayer, usePlayerState } from "../playback/player-context.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { Statistics } from "./statistics.tsx";
import "./quality.css";

/** The quality that sounds: its step of the ladder, and its bitrate. Opens the choice of another one. */
export function Quality() {
  const player = usePlayer();
  const { bitrateKbps, ladderKbps, qualityKbps, reconnecting } = usePlayerState();
  const [explained, setExplained] = useState(false);
  if (reconnecting) return <span className="quality trouble">Reconnecting…</span>;
  if (bitrateKbps === 0) return null;
  const step = ladderKbps.indexOf(bitrateKbps) + 1;
  const face = (
    <span className="quality" data-testid="quality" data-kbps={bitrateKbps}>
      <span className="quality-steps">
        {ladderKbps.map((kbps) => (
          <i key={kbps} className={kbps <= bitrateKbps ? "on" : ""} />
        ))}
      </span>
      {bitrateKbps}
    </span>
  );
  const label = `Quality: ${bitrateKbps} kilobits a second, step ${step} of ${ladderKbps.length}`;
  return (
    <>
      <Menu label={label} face={face}>
        {(close) => {
          const choose = (kbps: number | undefined) => () => {
            player.setQuality(kbps);
            close();
          };
          return (
            <>
              <MenuItem chosen={qualityKbps === undefined} onSelect={choose(undefined)}>
                Automatic
              </MenuItem>
              {ladderKbps.toReversed().map((kbps) => (
                <MenuItem key={kbps} chosen={qualityKbps === kbps} onSelect={choose(kbps)}>
                  {kbps} kbit/s
                </MenuItem>
              ))}
              <hr />
              <MenuItem
                icon="more"
                onSelect={() => {
                  setExplained(!explained);
                  close();
                }}
              >
                {explained ? "Hide statistics" : "Statistics"}
              </MenuItem>
            </>
          );
        }}
      </Menu>
      {explained && <Statistics />}
    </>
  );
}

const METER_EVERY_MS = 100;

/** What sounds, as two voices that follow one another. Drawn past React: it changes ten times a second. */
export function LevelMeter() {
  const player = usePlayer();
  const { status } = usePlayerState();
  const meter = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const element = meter.current;
    if (!element || status !== "playing") return;
    let before = 0;
    const timer = setInterval(() => {
      const level = player.level;
      element.dataset.level = level.toFixed(3);
      element.style.setProperty("--call-level", height(level));
      element.style.setProperty("--response-level", height(before));
      before = level;
    }, METER_EVERY_MS);
    return () => {
      clearInterval(timer);
      element.style.setProperty("--call-level", "0");
      element.style.setProperty("--response-level", "0");
      element.dataset.level = "0";
    };
  }, [player, status]);
  return (
    <span ref={meter} className="meter" aria-hidden="true" data-testid="level">
      <i className="call" />
      <i className="response" />
    </span>
  );
}

/** Music sits far below full scale, and ears are not linear: −46 dB is the foot, −6 dB the top. */
function height(level: number): string {
  const db = 20 * Math.log10(Math.max(level, 1e-6));
  return Math.min(Math.max((db + 46) / 40, 0), 1).toFixed(2);
}
