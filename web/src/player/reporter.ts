import { Codec, PlaybackEventKind, QualityEventKind } from "@antiphon/proto/antiphon/player/v1/player";
import { Listening, type ListeningEvent } from "./listening.ts";
import type { Playback, Rendition } from "./playback.ts";
import type { QualityLog } from "./quality-log.ts";
import type { Report, ReportQueue } from "./report-queue.ts";

/** What the reporter reads off the engine when an event happens. Times in seconds. */
export interface ReportedState {
  readonly positionS: number;
  readonly bufferS: number;
  /** What sounds. */
  readonly rendition: Rendition | undefined;
}

/** The longest that the contract takes. */
const MAX_MS = 600_000;

/** Turns what happens to the playback that sounds into reports. */
export class Reporter {
  private readonly reports: ReportQueue;
  private readonly quality: QualityLog;
  private readonly state: () => ReportedState;
  private playback: Playback | undefined;
  private listening = new Listening(0);
  private stalls = 0;
  private stalledAtMs: number | undefined;
  /** The bitrate that sounded last. */
  private bitrateKbps = 0;

  constructor(reports: ReportQueue, quality: QualityLog, state: () => ReportedState) {
    this.reports = reports;
    this.quality = quality;
    this.state = state;
  }

  /** A playback sounds for the first time. */
  started(playback: Playback, startMs: number): void {
    this.playback = playback;
    this.listening = new Listening(playback.durationS);
    this.stalls = 0;
    this.stalledAtMs = undefined;
    this.bitrateKbps = this.state().rendition?.bitrateKbps ?? 0;
    this.report("STARTED", { startMs: Math.round(Math.min(startMs, MAX_MS)) });
    // A track that followed another one without a gap was not waited for.
    if (startMs > 0) this.tell("STARTED", startMs);
  }

  /** The playhead moved. */
  tick(sounding: boolean): void {
    if (sounding) this.tellWhatSounds();
    this.reportAll(this.listening.tick(this.state().positionS, sounding));
  }

  stalled(): void {
    this.stalls++;
    this.stalledAtMs ??= performance.now();
    this.report("STALLED", {});
  }

  /** A track could not be played. */
  failed(): void {
    this.tell("FAILED");
  }

  /** The playback is over: by itself, or because the listener moved on. */
  over(how: "ended" | "left"): void {
    this.reportAll(how === "ended" ? this.listening.end() : this.listening.leave());
    this.playback = undefined;
  }

  private tellWhatSounds(): void {
    if (this.stalledAtMs !== undefined) this.tell("STALLED", performance.now() - this.stalledAtMs);
    this.stalledAtMs = undefined;
    const bitrateKbps = this.state().rendition?.bitrateKbps ?? 0;
    const changed = this.playback && bitrateKbps > 0 && this.bitrateKbps > 0;
    if (changed && bitrateKbps > this.bitrateKbps) this.tell("SWITCHED_UP");
    if (changed && bitrateKbps < this.bitrateKbps) this.tell("SWITCHED_DOWN");
    if (bitrateKbps > 0) this.bitrateKbps = bitrateKbps;
  }

  private tell(kind: keyof typeof QualityEventKind, durationMs = 0): void {
    const { rendition } = this.state();
    const codec = rendition?.mimeType.includes("opus") ? Codec.OPUS : Codec.AAC;
    this.quality.push({
      kind: QualityEventKind[kind],
      codec: rendition ? codec : Codec.UNSPECIFIED,
      bitrateKbps: rendition?.bitrateKbps ?? 0,
      durationMs: Math.round(Math.min(durationMs, MAX_MS)),
    });
  }

  private reportAll(events: readonly ListeningEvent[]): void {
    for (const event of events) this.report(event, {});
  }

  private report(event: ListeningEvent | "STALLED", extra: Pick<Report, "startMs">): void {
    if (!this.playback) return;
    const { positionS, bufferS, rendition } = this.state();
    const { id, durationS } = this.playback;
    this.reports.push({
      playbackId: id,
      kind: PlaybackEventKind[event],
      positionMs: Math.round((event === "ENDED" ? durationS : positionS) * 1000),
      bufferMs: Math.round(bufferS * 1000),
      renditionId: rendition?.id ?? "",
      idempotencyKey: event === "STALLED" ? `${id}:STALLED:${this.stalls}` : `${id}:${event}`,
      ...extra,
    });
  }
}
