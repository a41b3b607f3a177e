/**
 * Waits that all last as long as each other, and are nearly all called off before they are over. One timer
 * serves them, which is left alone as they begin and are called off: O(1). It keeps no process alive.
 */
export class Waits<T> {
  readonly #durationMs: number;
  readonly #onOver: (waiting: T) => void;
  /** Since when, the first to begin before the others. */
  readonly #waiting = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onOver hears of each wait that was not called off */
  constructor(durationMs: number, onOver: (waiting: T) => void) {
    this.#durationMs = durationMs;
    this.#onOver = onOver;
  }

  begin(waiting: T): void {
    this.#waiting.set(waiting, performance.now());
    if (!this.#timer) this.#lookIn(this.#durationMs);
  }

  callOff(waiting: T): void {
    this.#waiting.delete(waiting);
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    this.#timer = undefined;
    for (const [waiting, sinceMs] of this.#waiting) {
      const leftMs = sinceMs + this.#durationMs - performance.now();
      if (leftMs > 0) {
        this.#lookIn(Math.ceil(leftMs));
        return;
      }
      this.#waiting.delete(waiting);
      this.#onOver(waiting);
    }
  }
}
