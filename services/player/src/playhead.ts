/** What plays where, and how far it is. */
export interface Playhead {
  /** The device that plays, or did last; empty before the first one. */
  readonly deviceId: string;
  /** The key of the command that moved, started or stopped it last: devices obey each of them once. */
  readonly anchor: string;
  readonly playing: boolean;
  /** Where it was at `atMs`. */
  readonly positionMs: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** What the device that plays tells of it. */
export interface Report {
  readonly deviceId: string;
  readonly itemId: string;
  readonly anchor: string;
  readonly positionMs: number;
  readonly playing: boolean;
}

/** A report that is so near to what is known already changes nothing that others see. */
const NEAR_MS = 250;

/** As it is now: it moves on by itself while it plays, and that it does only while its device is there. */
export function asOf(playhead: Playhead, present: ReadonlySet<string>, nowMs: number): Playhead {
  const playing = playhead.playing && present.has(playhead.deviceId);
  const playedMs = playing ? Math.max(0, nowMs - playhead.atMs) : 0;
  return { ...playhead, playing, positionMs: playhead.positionMs + playedMs, atMs: nowMs };
}

/** At the start of an item. */
export function jumpedTo(playhead: Playhead, key: string, atMs: number, playing: boolean): Playhead {
  return { ...playhead, anchor: key, playing, positionMs: 0, atMs };
}

/** The device of a command to play becomes the one that plays, where the one that did is not there any more. */
export function takenBy(
  playhead: Playhead,
  { deviceId, present }: { readonly deviceId: string; readonly present: ReadonlySet<string> },
): Playhead {
  return deviceId === "" || present.has(playhead.deviceId) ? playhead : { ...playhead, deviceId };
}

export interface Transfer {
  readonly deviceId: string;
  /** Default: where it is. */
  readonly positionMs: number | undefined;
  /** Plays there, also where it was paused. */
  readonly play: boolean;
  readonly key: string;
}

/** On another device, at the same place. */
export function transferred(now: Playhead, { deviceId, positionMs, play, key }: Transfer): Playhead {
  return {
    ...now,
    deviceId,
    anchor: key,
    playing: play || now.playing,
    positionMs: positionMs ?? now.positionMs,
  };
}

/**
 * As its device reports it; undefined where that does not count, because another device plays or a command
 * came that this one has not heard of. `news` says whether others would see it.
 */
export function reported(
  playhead: Playhead,
  currentId: string | undefined,
  report: Report,
  atMs: number,
): { readonly playhead: Playhead; readonly news: boolean } | undefined {
  const { deviceId, anchor, itemId, positionMs, playing } = report;
  if (deviceId !== playhead.deviceId || anchor !== playhead.anchor || itemId !== currentId) return undefined;
  const expected = asOf(playhead, new Set([deviceId]), atMs);
  const isNear = Math.abs(expected.positionMs - positionMs) <= NEAR_MS;
  return {
    playhead: { ...playhead, positionMs, playing, atMs },
    news: playing !== playhead.playing || !isNear,
  };
}
