const WINDOW_SECONDS = 10;
const DEFAULT_RATIO = 0.2;
const DEFAULT_PER_SECOND = 10;

export interface RetryBudgetOptions {
  /** Retries for each first attempt. Default 0.2. */
  readonly ratio?: number | undefined;
  /**
   * Retries a second that are free, so that a quiet client may retry at all; as many fewer as were asked for
   * in vain. Default 10.
   */
  readonly perSecond?: number | undefined;
}

/**
 * Bounds the retries of one target to a share of its calls, counted over the last ten seconds, so that
 * a failing service is not buried under retries. O(1) amortised, no timer.
 * Source: Finagle's `RetryBudget` (20 %, 10/s).
 */
export class RetryBudget {
  #ratio = DEFAULT_RATIO;
  #free = DEFAULT_PER_SECOND * WINDOW_SECONDS;
  readonly #calls = new Uint32Array(WINDOW_SECONDS);
  readonly #retries = new Uint32Array(WINDOW_SECONDS);
  readonly #refusals = new Uint32Array(WINDOW_SECONDS);
  #second = -WINDOW_SECONDS;
  #callsInWindow = 0;
  #retriesInWindow = 0;
  #refusalsInWindow = 0;

  constructor(options: RetryBudgetOptions = {}) {
    this.configure(options);
  }

  /** Changes the bounds from now on; what is not named returns to its default. */
  configure({ ratio = DEFAULT_RATIO, perSecond = DEFAULT_PER_SECOND }: RetryBudgetOptions): void {
    this.#ratio = ratio;
    this.#free = perSecond * WINDOW_SECONDS;
  }

  /** Counts a call's first attempt. `nowMs` is monotonic. */
  deposit(nowMs: number): void {
    const slot = this.#advance(nowMs);
    this.#calls[slot]!++;
    this.#callsInWindow++;
  }

  /** Takes one retry out of the budget; false where nothing is left. */
  withdraw(nowMs: number): boolean {
    const slot = this.#advance(nowMs);
    if (this.#retriesInWindow + 1 > this.#allowance()) {
      this.#refusals[slot]!++;
      this.#refusalsInWindow++;
      return false;
    }
    this.#retries[slot]!++;
    this.#retriesInWindow++;
    return true;
  }

  /** The share of the budget that is left: 1 is untouched, 0 used up. */
  remaining(nowMs: number): number {
    this.#advance(nowMs);
    const allowance = this.#allowance();
    return allowance === 0 ? 0 : Math.max(0, 1 - this.#retriesInWindow / allowance);
  }

  #allowance(): number {
    // Where much fails, what is free to a quiet client would only add to the outage.
    const free = Math.max(0, this.#free - this.#refusalsInWindow);
    return free + this.#callsInWindow * this.#ratio;
  }

  #advance(nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    const passed = second - this.#second;
    if (passed > 0) {
      for (let back = 0; back < Math.min(passed, WINDOW_SECONDS); back++) {
        const slot = (second - back + WINDOW_SECONDS) % WINDOW_SECONDS;
        this.#callsInWindow -= this.#calls[slot]!;
        this.#retriesInWindow -= this.#retries[slot]!;
        this.#refusalsInWindow -= this.#refusals[slot]!;
        this.#calls[slot] = 0;
        this.#retries[slot] = 0;
        this.#refusals[slot] = 0;
      }
      this.#second = second;
    }
    return this.#second % WINDOW_SECONDS;
  }
}
