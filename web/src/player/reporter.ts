import { PlaybackEventKind } from "@antiphon/proto/antiphon/player/v1/player";
import { Listening, type ListeningEvent } from "./listening.ts";
import type { Playback } from "./playback.ts";
import type { Report, ReportQueue } from "./report-queue.ts";

/** What the reporter reads off the engine when an event happens. Times in seconds. */
export interface ReportedState {
  readonly positionS: number;
  readonly bufferS: number;
  readonly renditionId: string;
}

/** Turns what happens to the playback that sounds into reports. */
export class Reporter {
  private readonly reports: ReportQueue;
  private readonly state: () => ReportedState;
  private playback: Playback | undefined;
  private listening = new Listening(0);
  private stalls = 0;

  constructor(reports: ReportQueue, state: () => ReportedState) {
    this.reports = reports;
    this.state = state;
  }

  /** A playback sounds for the first time. */
  started(playback: Playback, startMs: number): void {
    this.playback = playback;
    this.listening = new Listening(playback.durationS);
    this.stalls = 0;
    this.report("STARTED", { startMs: Math.round(Math.min(startMs, 600_000)) });
  }

  /** The playhead moved. */
  tick(sounding: boolean): void {
    this.reportAll(this.listening.tick(this.state().positionS, sounding));
  }

  stalled(): void {
    this.stalls++;
    this.report("STALLED", {});
  }

  /** The playback is over: by itself, or because the listener moved on. */
  over(how: "ended" | "left"): void {
    this.reportAll(how === "ended" ? this.listening.end() : this.listening.leave());
    this.playback = undefined;
  }

  private reportAll(events: readonly ListeningEvent[]): void {
    for (const event of events) this.report(event, {});
  }

  private report(event: ListeningEvent | "STALLED", extra: Pick<Report, "startMs">): void {
    if (!this.playback) return;
    const { positionS, bufferS, renditionId } = this.state();
    const { id, durationS } = this.playback;
    this.reports.push({
      playbackId: id,
      kind: PlaybackEventKind[event],
      positionMs: Math.round((event === "ENDED" ? durationS : positionS) * 1000),
      bufferMs: Math.round(bufferS * 1000),
      renditionId,
      idempotencyKey: event === "STALLED" ? `${id}:STALLED:${this.stalls}` : `${id}:${event}`,
      ...extra,
    });
  }
}
