export interface LaneOptions<T> {
  /** Batches at once. */
  readonly concurrency: number;
  /** Items a batch, at most. */
  readonly batch: number;
  /** Sorts what waits in a lane; equal items stay in the order in which they were added. */
  readonly order: (a: T, b: T) => number;
}

/**
 * Handles items one after the other within a lane, and those of different lanes together: in batches that hold
 * one item of a lane at most, a bounded number of batches at once. A batch is what is ready when there is room
 * for it, so under low load it is a single item and nobody waits for it to fill up.
 */
export class Lanes<T> {
  /** What waits in each lane; a lane is here as long as an item of it waits or is handled. */
  readonly #queues = new Map<string, T[]>();
  /** Lanes whose first item may be taken, in the order in which they became so. */
  readonly #ready = new Set<string>();
  readonly #batch: number;
  readonly #order: (a: T, b: T) => number;
  readonly #handle: (items: readonly T[]) => Promise<void>;
  #free: number;
  #size = 0;
  #onDone: (() => void) | undefined;

  /** @param handle must not reject */
  constructor({ concurrency, batch, order }: LaneOptions<T>, handle: (items: readonly T[]) => Promise<void>) {
    this.#free = concurrency;
    this.#batch = batch;
    this.#order = order;
    this.#handle = handle;
  }

  /** Adds an item at its place in a lane. */
  add(lane: string, item: T): void {
    this.#size += 1;
    const queue = this.#queues.get(lane);
    if (queue) {
      queue.splice(queue.findLastIndex((each) => this.#order(each, item) <= 0) + 1, 0, item);
      return;
    }
    this.#queues.set(lane, [item]);
    this.#ready.add(lane);
    // What arrives together is handled together.
    if (this.#ready.size === 1) queueMicrotask(() => this.#start());
  }

  /** Items that wait or are handled. */
  get size(): number {
    return this.#size;
  }

  /** Resolves when fewer than `limit` items wait or are handled. For one caller at a time. */
  async room(limit: number): Promise<void> {
    while (this.#size >= limit) await this.#done();
  }

  /** Resolves when every item that was added is done. */
  async idle(): Promise<void> {
    while (this.#size > 0) await this.#done();
  }

  #done(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onDone = resolve;
    return promise;
  }

  #start(): void {
    while (this.#free > 0 && this.#ready.size > 0) {
      const lanes = Array.from(this.#ready.values().take(this.#batch));
      for (const lane of lanes) this.#ready.delete(lane);
      this.#free -= 1;
      void this.#run(lanes);
    }
  }

  async #run(lanes: readonly string[]): Promise<void> {
    await this.#handle(lanes.map((lane) => this.#queues.get(lane)!.shift()!));
    for (const lane of lanes) {
      if (this.#queues.get(lane)!.length > 0) this.#ready.add(lane);
      else this.#queues.delete(lane);
    }
    this.#free += 1;
    this.#size -= lanes.length;
    this.#onDone?.();
    this.#start();
  }
}
