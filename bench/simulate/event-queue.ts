/** What happens when, in virtual time: a binary heap by time, then by order of arrival. */
export class EventQueue {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #actions: (() => void)[] = [];
  #arrivals = 0;

  get size(): number {
    return this.#times.length;
  }

  get nextAtMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, action: () => void): void {
    this.#times.push(atMs);
    this.#orders.push(this.#arrivals++);
    this.#actions.push(action);
    let index = this.size - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** Takes the earliest. */
  take(): () => void {
    const action = this.#actions[0]!;
    this.#swap(0, this.size - 1);
    this.#times.pop();
    this.#orders.pop();
    this.#actions.pop();
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.size) return action;
      const right = left + 1;
      const least = right < this.size && this.#before(right, left) ? right : left;
      if (!this.#before(least, index)) return action;
      this.#swap(index, least);
      index = least;
    }
  }

  #before(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference === 0 ? this.#orders[a]! < this.#orders[b]! : difference < 0;
  }

  #swap(a: number, b: number): void {
    for (const list of [this.#times, this.#orders, this.#actions] as unknown[][]) {
      [list[a], list[b]] = [list[b], list[a]];
    }
  }
}
