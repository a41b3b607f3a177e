/** One that was begun: hand it back to `callOff`. */
export interface Wait<T> {
  readonly waiting: T;
  readonly sinceMs: number;
  /** The neighbours in the order of their beginning; undefined at the ends, and for both once it is over. */
  earlier: Wait<T> | undefined;
  later: Wait<T> | undefined;
}

/** What a timer can wait for at most: 24 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits that all last as long as each other, and are nearly all called off before they are over. One timer
 * serves them, which is left alone as they begin and are called off: O(1), a fifth of a timer for each. It keeps
 * the process alive while somebody waits.
 */
export class Waits<T> {
  readonly #durationMs: number;
  readonly #onOver: (waiting: T) => void;
  #first: Wait<T> | undefined;
  #last: Wait<T> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onOver hears of each wait that was not called off */
  constructor(durationMs: number, onOver: (waiting: T) => void) {
    this.#durationMs = durationMs;
    this.#onOver = onOver;
  }

  begin(waiting: T): Wait<T> {
    const wait: Wait<T> = { waiting, sinceMs: performance.now(), earlier: this.#last, later: undefined };
    if (this.#last) this.#last.later = wait;
    else {
      this.#first = wait;
      this.#timer?.ref();
    }
    this.#last = wait;
    if (!this.#timer) this.#lookIn(this.#durationMs);
    return wait;
  }

  /** Does nothing to one that is over, or was called off before. */
  callOff(wait: Wait<T>): void {
    const { earlier, later } = wait;
    if (!earlier && this.#first !== wait) return;
    if (earlier) earlier.later = later;
    else this.#first = later;
    if (later) later.earlier = earlier;
    else this.#last = earlier;
    wait.earlier = undefined;
    wait.later = undefined;
    if (!this.#first) this.#timer?.unref();
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.ceil(ms), LONGEST_TIMER_MS));
  }

  #look(): void {
    this.#timer = undefined;
    for (let first = this.#first; first; first = this.#first) {
      const leftMs = first.sinceMs + this.#durationMs - performance.now();
      if (leftMs > 0) {
        this.#lookIn(leftMs);
        return;
      }
      this.callOff(first);
      this.#onOver(first.waiting);
    }
  }
}
