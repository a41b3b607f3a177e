/** Runs tasks one after the other within a lane, and at most `concurrency` lanes at once. */
export class Lanes {
  readonly #tails = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #size = 0;
  #onDone: (() => void) | undefined;

  constructor(concurrency: number) {
    this.#free = concurrency;
  }

  /** Adds a task at the end of a lane. The task must not reject. */
  run(lane: string, task: () => Promise<void>): void {
    this.#size += 1;
    const before = this.#tails.get(lane) ?? Promise.resolve();
    const tail = before
      .then(() => this.#withSlot(task))
      .finally(() => {
        if (this.#tails.get(lane) === tail) this.#tails.delete(lane);
        this.#size -= 1;
        this.#onDone?.();
      });
    this.#tails.set(lane, tail);
  }

  /** Resolves when fewer than `limit` tasks wait or run. For one caller at a time. */
  async room(limit: number): Promise<void> {
    while (this.#size >= limit) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onDone = resolve;
      await promise;
    }
  }

  /** Resolves when every task that was added is done. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }

  async #withSlot(task: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
