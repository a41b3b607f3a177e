/** So many calls teach what the method takes; each one more weighs as little. */
const LEARNT = 64;

/**
 * What calls of one method take while the process has time to spare: what its latency is compared with.
 * Under load nothing is learnt, so that an overload that lasts does not become normal, while a dependency that
 * has become slower does. A process that starts into an overload takes the quickest for what it does not know.
 */
export class UnloadedTime {
  /** 0 until a window with calls has ended. */
  ms = 0;
  #samples = 0;
  #sumMs = 0;
  #count = 0;

  /** Takes note of a call of the current window. */
  observe(tookMs: number): void {
    this.#sumMs += tookMs;
    this.#count++;
  }

  /** Ends a window, of which only now is known whether the process had time to spare. */
  settle(hadTimeToSpare: boolean): void {
    if (this.#count === 0) return;
    const meanMs = this.#sumMs / this.#count;
    const isQuicker = this.#samples < LEARNT && meanMs < this.ms;
    if (hadTimeToSpare || this.#samples === 0 || isQuicker) {
      this.#samples = Math.min(LEARNT, this.#samples + this.#count);
      // The first calls run code that is not compiled yet: they are forgotten quickly.
      this.ms += (meanMs - this.ms) * Math.min(1, this.#count / this.#samples);
    }
    this.#sumMs = 0;
    this.#count = 0;
  }
}
