import type { StreamInfo } from "@nats-io/jetstream";

/** What of a stream's state matters to a reader. */
export interface StreamState {
  readonly created: string;
  readonly state: Pick<StreamInfo["state"], "first_seq" | "last_seq">;
}

/** Where a reader is in a stream, and whether the stream still holds what comes next. */
export class StreamCursor {
  #created: string | undefined;
  #passed = 0;
  /** Up to here it is certain that nothing was missed. */
  #certain = 0;

  /** The sequence to read from. */
  get next(): number {
    return this.#passed + 1;
  }

  /** Reads on from the end of this state. */
  restart({ created, state }: StreamState): void {
    this.#created = created;
    this.#passed = state.last_seq;
    this.#certain = state.last_seq;
  }

  passed(seq: number): void {
    this.#passed = seq;
  }

  /** Something was missed, whatever the stream holds. */
  distrust(): void {
    this.#created = undefined;
  }

  /**
   * True where the stream was made anew, or has dropped messages that were not read. A stream that was purged
   * may not have held any that matter; rather one load too many than a model that lacks something.
   */
  hasLost({ created, state }: StreamState): boolean {
    const lost =
      created !== this.#created || state.last_seq < this.#passed || state.first_seq > this.#certain + 1;
    if (!lost) this.#certain = this.#passed;
    return lost;
  }
}
