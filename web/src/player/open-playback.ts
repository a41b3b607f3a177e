import type { EngineHooks } from "./engine-hooks.ts";
import { playbackFrom, supportedCodecs } from "./playback.ts";
import type { PlayerPorts } from "./player-types.ts";
import { playsAsAlbum, type Queue } from "./queue.ts";
import type { ThroughputEstimator } from "./throughput.ts";

/** On such a line a better first segment is as good as there; on a slower one the lowest comes with the answer. */
const FAST_KBPS = 4_000;

/**
 * Calls StartPlayback for the engine: in the codecs that this browser takes, and with the album's gain where the
 * queue plays as an album. Rejects `UnsupportedAudioError`, and what the call rejects with.
 */
export function playbackOpener(
  ports: Pick<PlayerPorts, "startPlayback">,
  throughput: ThroughputEstimator,
  queue: () => Queue,
): EngineHooks["open"] {
  const codecs = supportedCodecs(MediaSource.isTypeSupported);
  return async (trackId, atOnce, signal) => {
    const inlineFirstSegment = atOnce && throughput.kbps < FAST_KBPS;
    const answer = await ports.startPlayback({ trackId, codecs, inlineFirstSegment }, signal);
    const playback = playbackFrom(answer, MediaSource.isTypeSupported);
    const asAlbum = playsAsAlbum(queue(), trackId);
    return asAlbum ? { ...playback, gainDb: answer.albumGainDb ?? playback.gainDb } : playback;
  };
}
