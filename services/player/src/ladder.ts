import type { FragmentedMp4 } from "./mp4-boxes.ts";

/** The bitrates of a track's renditions, from the lowest to the highest. */
export const LADDER_KBPS = [24, 64, 128, 256] as const;

/** Opus knows no other rate. */
export const SAMPLE_RATE_HZ = 48_000;

export const MIME_TYPE = 'audio/mp4; codecs="opus"';

const PACKET_SAMPLES = 960;
export const SEGMENT_SAMPLES = 2 * SAMPLE_RATE_HZ;

/**
 * The arguments for ffmpeg that make the whole ladder in one run: `<kbps>.mp4` for each bitrate in the
 * working directory, one byte on standard output for each sample of the music at 48 kHz, and the summary
 * of ebur128 in the log.
 */
export function ladderArguments(source: string): string[] {
  const rungs = LADDER_KBPS.map((_, i) => `[rung${i}]`).join("");
  const filters = [
    // Timestamps made anew: some decoders start below zero.
    `[0:a:0]aresample=${SAMPLE_RATE_HZ},asetpts=N/SR/TB,aformat=channel_layouts=stereo,asplit=3[music][count][measure]`,
    "[measure]ebur128=peak=true:framelog=verbose,anullsink",
    // Padded to whole packets, so that segments end at the same sample in every rung.
    `[music]asetnsamples=n=${PACKET_SAMPLES}:p=1,asplit=${LADDER_KBPS.length}${rungs}`,
  ];
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", "-y", "-threads", "1", "-i", source],
    ...["-filter_complex", filters.join(";"), "-filter_complex_threads", "1"],
    ...["-map", "[count]", "-ac", "1", "-f", "u8", "pipe:1"],
    ...LADDER_KBPS.flatMap((kbps, i) => [
      ...["-map", `[rung${i}]`, "-c:a", "libopus", "-b:a", `${kbps}k`, "-threads", "1"],
      // The same music gives the same bytes.
      ...["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"],
      // ffmpeg before version 4.3 takes Opus in MP4 for an experiment.
      ...["-strict", "-2", "-movflags", "empty_moov+default_base_moof", "-frag_duration", "2000000"],
      ...["-f", "mp4", `${kbps}.mp4`],
    ]),
  ];
}

/**
 * The length in samples of each segment, the same in all renditions.
 * Throws where they are not aligned: a player could not change from one to another.
 */
export function alignedSegments(renditions: readonly FragmentedMp4[], totalSamples: number): number[] {
  const lengths = renditions.map(({ segments }) => segments.map(({ samples }) => samples));
  const [first = []] = lengths;
  if (renditions.some(({ timescale }) => timescale !== SAMPLE_RATE_HZ)) {
    throw new Error(`a rendition does not count ${SAMPLE_RATE_HZ} samples a second`);
  }
  if (
    lengths.some((each) => each.length !== first.length || each.some((samples, i) => samples !== first[i]))
  ) {
    throw new Error("the segments of the renditions are not aligned");
  }
  if (first.slice(0, -1).some((samples) => samples !== SEGMENT_SAMPLES)) {
    throw new Error(`a segment does not have ${SEGMENT_SAMPLES} samples`);
  }
  const coded = first.reduce((sum, samples) => sum + samples, 0);
  if (totalSamples === 0 || coded < totalSamples) {
    throw new Error(`${coded} samples were coded of ${totalSamples}`);
  }
  return first;
}
