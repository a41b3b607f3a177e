import {
  Codec,
  QualityEventKind,
  type ReportQualityRequest,
} from "@antiphon/proto/antiphon/player/v1/player";
import { Counter, Histogram, type Registry } from "prom-client";
import { LADDERS } from "./ladder.ts";

/** Counts what browsers tell of how listening was. */
export type QualityMetrics = (report: ReportQualityRequest) => void;

const LABELS = ["rendition", "app_version"] as const;
/** What is told beyond these many versions of the page counts as `other`: labels must not grow without end. */
const MAX_VERSIONS = 8;
const OTHER = "other";

const RENDITIONS: ReadonlySet<string> = new Set(
  Object.values(LADDERS).flatMap(({ codec, bitratesKbps }) => bitratesKbps.map((kbps) => `${codec} ${kbps}`)),
);

export function qualityMetrics(registry: Registry): QualityMetrics {
  const registers = [registry];
  const starts = new Histogram({
    name: "player_start_seconds",
    help: "From the wish to play to the first sound, as browsers tell it",
    labelNames: LABELS,
    buckets: [0.05, 0.08, 0.125, 0.265, 0.5, 1, 2, 5, 10, 30],
    registers,
  });
  const stalls = new Histogram({
    name: "player_stall_seconds",
    help: "How long music stood still because it did not arrive, as browsers tell it",
    labelNames: LABELS,
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60],
    registers,
  });
  const switches = new Counter({
    name: "player_rendition_switches_total",
    help: "Changes to another bitrate within a track, by the one changed to",
    labelNames: [...LABELS, "direction"] as const,
    registers,
  });
  const errors = new Counter({
    name: "player_playback_errors_total",
    help: "Tracks that a browser gave up",
    labelNames: LABELS,
    registers,
  });
  const versions = new Set<string>();

  function versionLabel(version: string): string {
    if (versions.size < MAX_VERSIONS) versions.add(version);
    return versions.has(version) ? version : OTHER;
  }

  return ({ appVersion, events }) => {
    const app_version = versionLabel(appVersion);
    for (const { kind, codec, bitrateKbps, durationMs } of events) {
      const name = `${Codec[codec]?.toLowerCase()} ${bitrateKbps}`;
      const labels = { rendition: RENDITIONS.has(name) ? name : OTHER, app_version };
      switch (kind) {
        case QualityEventKind.STARTED:
          starts.observe(labels, durationMs / 1000);
          break;
        case QualityEventKind.STALLED:
          stalls.observe(labels, durationMs / 1000);
          break;
        case QualityEventKind.SWITCHED_UP:
          switches.inc({ ...labels, direction: "up" });
          break;
        case QualityEventKind.SWITCHED_DOWN:
          switches.inc({ ...labels, direction: "down" });
          break;
        case QualityEventKind.FAILED:
          errors.inc(labels);
          break;
        case QualityEventKind.UNSPECIFIED:
          throw new Error("the contract's rules let no event without a kind through");
      }
    }
  };
}
