import type { FragmentedMp4 } from "./mp4-boxes.ts";

export type CodecName = "opus" | "aac";

/** The renditions of a track in one codec, from the lowest to the highest bitrate. */
export interface Ladder {
  readonly codec: CodecName;
  readonly encoder: string;
  readonly bitratesKbps: readonly number[];
  readonly sampleRateHz: number;
  /** For MediaSource.isTypeSupported. */
  readonly mimeType: string;
  readonly packetSamples: number;
  /** Of every segment but the last. */
  readonly segmentSamples: number;
  /** What comes out of a browser's decoder before the music. */
  readonly primingSamples: number;
}

export const LADDERS: Readonly<Record<CodecName, Ladder>> = {
  opus: {
    codec: "opus",
    encoder: "libopus",
    bitratesKbps: [24, 64, 128, 256],
    // Opus knows no other rate.
    sampleRateHz: 48_000,
    mimeType: 'audio/mp4; codecs="opus"',
    packetSamples: 960,
    segmentSamples: 96_000,
    // There is a pre-skip, which browsers drop by themselves.
    primingSamples: 0,
  },
  aac: {
    codec: "aac",
    encoder: "aac",
    bitratesKbps: [48, 96, 160, 320],
    sampleRateHz: 44_100,
    mimeType: 'audio/mp4; codecs="mp4a.40.2"',
    packetSamples: 1024,
    // 88 packets: as near to two seconds as keeps all segments equal.
    segmentSamples: 88 * 1024,
    // One packet, which ffmpeg's encoder begins with and its fragmented MP4 does not tell.
    primingSamples: 1024,
  },
};

/** What one run of ffmpeg adds to a track. */
export interface Stage {
  readonly codec: CodecName;
  readonly bitratesKbps: readonly number[];
  /** Whether loudness and peaks are measured along with it. */
  readonly measures: boolean;
}

/** From what can be heard soonest to what few need. */
export const STAGES: readonly Stage[] = [
  { codec: "opus", bitratesKbps: [24, 64], measures: true },
  { codec: "opus", bitratesKbps: [128, 256], measures: false },
  { codec: "aac", bitratesKbps: LADDERS.aac.bitratesKbps, measures: false },
];

/** How many stages must be done until there is something in this codec. */
export function stagesUntilPlayable(codec: CodecName): number {
  return STAGES.findIndex((stage) => stage.codec === codec) + 1;
}

/** The index of the stage that makes a rendition. */
export function stageOf(codec: CodecName, bitrateKbps: number): number {
  return STAGES.findIndex((stage) => stage.codec === codec && stage.bitratesKbps.includes(bitrateKbps));
}

/** How many stages must be done until the ladder is whole. */
export function stagesUntilWhole(codec: CodecName): number {
  return STAGES.findLastIndex((stage) => stage.codec === codec) + 1;
}

/**
 * The arguments for ffmpeg that make a stage: `<codec>-<kbps>.mp4` for each bitrate in the working
 * directory, one byte on standard output for each sample of the music at the ladder's rate (unsigned, the
 * channels mixed), and where the stage measures the summary of ebur128 in the log.
 */
export function stageArguments(source: string, { codec, bitratesKbps, measures }: Stage): string[] {
  const { encoder, sampleRateHz, packetSamples, segmentSamples } = LADDERS[codec];
  const rungs = bitratesKbps.map((_, i) => `[rung${i}]`).join("");
  const measured = measures ? "asplit=3[music][count][measure]" : "asplit=2[music][count]";
  const filters = [
    // Timestamps made anew, in samples: some decoders start below zero, and a quotient would be cut to one less.
    `[0:a:0]aresample=${sampleRateHz},asetpts=N,aformat=channel_layouts=stereo,${measured}`,
    ...(measures ? ["[measure]ebur128=peak=true:framelog=verbose,anullsink"] : []),
    // Padded to whole packets, so that segments end at the same sample in every rung.
    `[music]asetnsamples=n=${packetSamples}:p=1,asplit=${bitratesKbps.length}${rungs}`,
  ];
  // Half a packet less than a segment: a fragment ends with the packet that reaches this.
  const fragmentUs = Math.ceil(((segmentSamples - packetSamples / 2) * 1_000_000) / sampleRateHz);
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", "-y", "-threads", "1", "-i", source],
    ...["-filter_complex", filters.join(";"), "-filter_complex_threads", "1"],
    // In large pieces: one write and one event a packet would cost the reader a tenth of all packaging.
    ...["-map", "[count]", "-ac", "1", "-flush_packets", "0", "-f", "u8", "pipe:1"],
    ...bitratesKbps.flatMap((kbps, i) => [
      ...["-map", `[rung${i}]`, "-c:a", encoder, "-b:a", `${kbps}k`, "-threads", "1"],
      // The same music gives the same bytes.
      ...["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"],
      // ffmpeg before version 4.3 takes Opus in MP4 for an experiment.
      ...["-strict", "-2", "-movflags", "empty_moov+default_base_moof", "-frag_duration", String(fragmentUs)],
      ...["-f", "mp4", renditionFile(codec, kbps)],
    ]),
  ];
}

export function renditionFile(codec: CodecName, bitrateKbps: number): string {
  return `${codec}-${bitrateKbps}.mp4`;
}

/**
 * The length in samples of each segment, the same in all renditions.
 * Throws where they are not aligned: a player could not change from one to another.
 */
export function alignedSegments(
  { sampleRateHz, segmentSamples, primingSamples }: Ladder,
  renditions: readonly FragmentedMp4[],
  totalSamples: number,
): number[] {
  const lengths = renditions.map(({ segments }) => segments.map(({ samples }) => samples));
  const [first = []] = lengths;
  if (renditions.some(({ timescale }) => timescale !== sampleRateHz)) {
    throw new Error(`a rendition does not count ${sampleRateHz} samples a second`);
  }
  if (
    lengths.some((each) => each.length !== first.length || each.some((samples, i) => samples !== first[i]))
  ) {
    throw new Error("the segments of the renditions are not aligned");
  }
  if (first.slice(0, -1).some((samples) => samples !== segmentSamples)) {
    throw new Error(`a segment does not have ${segmentSamples} samples`);
  }
  const coded = first.reduce((sum, samples) => sum + samples, 0) - primingSamples;
  if (totalSamples === 0 || coded < totalSamples) {
    throw new Error(`${coded} samples were coded of ${totalSamples}`);
  }
  return first;
}
