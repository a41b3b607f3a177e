/** What the player remembers between visits. */
export interface Settings {
  /** From 0 to 1. */
  readonly volume: number;
  readonly muted: boolean;
  /** The throughput measured last, in kilobits a second: a better first guess than none. */
  readonly throughputKbps: number;
  /** The highest bitrate to play; undefined leaves the quality to the moment. */
  readonly qualityKbps: number | undefined;
}

const KEY = "antiphon.player";
const defaults: Settings = { volume: 0.8, muted: false, throughputKbps: 2_000, qualityKbps: undefined };

function within(value: unknown, low: number, high: number, otherwise: number): number {
  return typeof value === "number" && value >= low && value <= high ? value : otherwise;
}

/** Reads the settings; whatever is missing, malformed or out of range is the default. */
export function readSettings(storage: Pick<Storage, "getItem">): Settings {
  let stored: Partial<Record<keyof Settings, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(storage.getItem(KEY) ?? "{}");
    if (typeof parsed === "object" && parsed !== null) stored = parsed;
  } catch {
    // Storage that is blocked or spoilt costs the settings, not the music.
  }
  return {
    volume: within(stored.volume, 0, 1, defaults.volume),
    muted: stored.muted === true,
    throughputKbps: within(stored.throughputKbps, 16, 100_000, defaults.throughputKbps),
    qualityKbps: within(stored.qualityKbps, 1, 10_000, Number.NaN) || undefined,
  };
}

/** Keeps the settings, where the browser allows it. */
export function writeSettings(storage: Pick<Storage, "setItem">, settings: Settings): void {
  try {
    storage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Private windows and full disks refuse; nothing depends on it.
  }
}
