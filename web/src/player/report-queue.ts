import type { ReportPlaybackRequestSchema } from "@antiphon/proto/antiphon/player/v1/player";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { backoffMs, pause } from "./backoff.ts";

/** What is sent to ReportPlayback. */
export type Report = MessageInitShape<typeof ReportPlaybackRequestSchema>;

/** Reports that wait while the network is away; the oldest are dropped beyond this. */
const MAX_WAITING = 200;
/** Some eight minutes: a network that is away comes back, and a report that nobody takes must not stay for ever. */
const MAX_ATTEMPTS = 120;

/**
 * Sends reports one after the other, in order, behind the listener's back: the music never waits for
 * them. A report is retried with its idempotency key, so that it counts once.
 */
export class ReportQueue {
  private readonly send: (report: Report) => Promise<unknown>;
  private readonly isFinal: (error: unknown) => boolean;
  private readonly waiting: Report[] = [];
  private running = false;

  constructor(send: (report: Report) => Promise<unknown>, isFinal: (error: unknown) => boolean) {
    this.send = send;
    this.isFinal = isFinal;
  }

  push(report: Report): void {
    this.waiting.push(report);
    if (this.waiting.length > MAX_WAITING) this.waiting.shift();
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let report = this.waiting.shift(); report; report = this.waiting.shift()) await this.deliver(report);
    this.running = false;
  }

  private async deliver(report: Report): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      try {
        await this.send(report);
        return;
      } catch (error) {
        if (this.isFinal(error)) return;
        await pause(backoffMs(attempt));
      }
    }
  }
}
