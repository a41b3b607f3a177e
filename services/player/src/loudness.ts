/** What EBU R 128 says of a track. */
export interface Loudness {
  /** Integrated; −70, the gate below which nothing counts, for silence. */
  readonly integratedLufs: number;
  /** −Infinity for digital silence. */
  readonly truePeakDbfs: number;
}

const TARGET_LUFS = -14;
/** Lossy coding raises peaks a little. */
const HEADROOM_DB = 1;
const SILENCE_LUFS = -70;

/** What to add to the level so that tracks sound equally loud without clipping, dB. Silence stays as it is. */
export function gainDb({ integratedLufs, truePeakDbfs }: Loudness): number {
  if (integratedLufs <= SILENCE_LUFS) return 0;
  return Math.min(TARGET_LUFS - integratedLufs, -HEADROOM_DB - truePeakDbfs);
}

/** Reads the summary that ffmpeg's filter ebur128 logs at its end; undefined where there is none. */
export function parseLoudness(log: string): Loudness | undefined {
  const summary = log.slice(log.lastIndexOf("Summary:"));
  const integrated = /\bI:\s+(\S+) LUFS/.exec(summary)?.[1];
  const peak = /\bPeak:\s+(\S+) dBFS/.exec(summary)?.[1];
  if (!integrated || !peak) return undefined;
  return { integratedLufs: decibels(integrated), truePeakDbfs: decibels(peak) };
}

function decibels(text: string): number {
  return text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text);
}
