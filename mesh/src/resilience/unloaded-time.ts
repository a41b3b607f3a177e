/** Weight of one more call, once enough were seen. */
const WEIGHT = 1 / 64;

/**
 * What calls of one method take while the process has time to spare: what its latency is compared with.
 * At other times it is only lowered, so that an overload that lasts does not become normal, while a
 * dependency that has become slower does.
 */
export class UnloadedTime {
  /** 0 until a call was seen. */
  ms = 0;
  #samples = 0;

  observe(tookMs: number, hasTimeToSpare: boolean): void {
    if (!hasTimeToSpare && this.#samples > 0 && tookMs >= this.ms) return;
    this.#samples++;
    // The first ones run code that is not compiled yet: they are forgotten quickly.
    this.ms += (tookMs - this.ms) * Math.max(WEIGHT, 1 / this.#samples);
  }
}
