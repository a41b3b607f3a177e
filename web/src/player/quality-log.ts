import type {
  QualityEventSchema,
  ReportQualityRequestSchema,
} from "@antiphon/proto/antiphon/player/v1/player";
import type { MessageInitShape } from "@bufbuild/protobuf";

export type QualityEvent = MessageInitShape<typeof QualityEventSchema>;
export type QualityReport = MessageInitShape<typeof ReportQualityRequestSchema>;

/** Events are sent together: so long after the first one, or when there are so many. */
const WAIT_MS = 10_000;
const MAX_EVENTS = 50;

/**
 * Collects how listening was and sends it in batches. One that can't be sent is dropped: these are counts, and
 * nobody misses a few.
 */
export class QualityLog {
  private readonly send: (report: QualityReport) => Promise<unknown>;
  private readonly appVersion: string;
  private events: QualityEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (report: QualityReport) => Promise<unknown>, appVersion: string) {
    this.send = send;
    this.appVersion = appVersion;
  }

  push(event: QualityEvent): void {
    this.events.push(event);
    if (this.events.length >= MAX_EVENTS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), WAIT_MS);
  }

  /** Sends what is there now, such as when the page goes away. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { events, appVersion } = this;
    if (events.length === 0) return;
    this.events = [];
    this.send({ appVersion, events }).catch(() => undefined);
  }
}
