export { Engine } from "./engine.ts";
export type { EngineHooks } from "./engine-hooks.ts";
export { AudioOutput } from "./output.ts";
export type { Cue } from "./plan.ts";
export {
  type ByteRange,
  type LoadedSegment,
  type Playback,
  playbackFrom,
  type Rendition,
  supportedCodecs,
  UnsupportedAudioError,
} from "./playback.ts";
export { ThroughputEstimator } from "./throughput.ts";
