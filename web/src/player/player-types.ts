import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type {
  StartPlaybackRequestSchema,
  StartPlaybackResponse,
} from "@antiphon/proto/antiphon/player/v1/player";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { QualityReport } from "./quality-log.ts";
import { emptyQueue, type Queue } from "./queue.ts";
import type { Report } from "./report-queue.ts";

/** The calls that the player makes, and how it tells errors apart. */
export interface PlayerPorts {
  startPlayback(
    request: MessageInitShape<typeof StartPlaybackRequestSchema>,
    signal: AbortSignal,
  ): Promise<StartPlaybackResponse>;
  reportPlayback(report: Report): Promise<unknown>;
  reportQuality(report: QualityReport): Promise<unknown>;
  /** Told with it. */
  readonly appVersion: string;
  /** Tracks to go on with after `seedTrackId`, none of which is in `playedIds`. */
  radio(seedTrackId: string, playedIds: readonly string[]): Promise<readonly Track[]>;
  /** Whether trying again cannot help. */
  isFinal(error: unknown): boolean;
  /** A track could not be played. */
  onFailed(track: Track, error: unknown): void;
}

/** What a player was made to do, for who has to do the same elsewhere. */
export type Command =
  /** Anything of the queue but which item is the current one. */
  | { readonly kind: "queue"; readonly before: Queue; readonly after: Queue }
  /** Another item plays; `from` where the one before it came to its end. */
  | { readonly kind: "jump"; readonly uid: string; readonly from?: string }
  | { readonly kind: "seek"; readonly positionMs: number }
  | { readonly kind: "playing"; readonly playing: boolean };

/** idle: nothing is loaded. waiting: music is wanted, and does not sound yet or any more. */
export type PlayerStatus = "idle" | "waiting" | "playing" | "paused";

/** What the page shows of the player. A new object whenever something in it changed. */
export interface PlayerState {
  readonly status: PlayerStatus;
  readonly queue: Queue;
  readonly durationMs: number;
  /** The waveform of what this device has loaded: see `Playback`. */
  readonly peaks: Uint8Array | undefined;
  /** The bitrate that sounds, and those on offer from the lowest to the highest. */
  readonly bitrateKbps: number;
  readonly ladderKbps: readonly number[];
  /** What the listener chose at most; undefined: what the moment allows. */
  readonly qualityKbps: number | undefined;
  readonly volume: number;
  readonly muted: boolean;
  /** The network fails, and the player goes on trying. */
  readonly reconnecting: boolean;
}

/** How well it plays, for those who want to know. */
export interface PlayerStats {
  readonly codec: string;
  readonly bitrateKbps: number;
  /** Seconds of music ahead of the playhead. */
  readonly bufferS: number;
  readonly throughputKbps: number;
  /** From the wish to the first sound, of the track that plays. 0: it followed without a gap. */
  readonly startMs: number;
  /** Since the page was opened. */
  readonly stalls: number;
  readonly qualityChanges: number;
}

/** The state before anything was played. */
export function idleState({
  volume,
  muted,
  qualityKbps,
}: Pick<PlayerState, "volume" | "muted" | "qualityKbps">): PlayerState {
  return {
    status: "idle",
    queue: emptyQueue,
    durationMs: 0,
    peaks: undefined,
    bitrateKbps: 0,
    ladderKbps: [],
    qualityKbps,
    volume,
    muted,
    reconnecting: false,
  };
}
