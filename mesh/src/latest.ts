/**
 * The newest of a sequence of values, for streams that say how things are: every watcher gets the value
 * there is and then each newer one; a slow watcher skips what was overtaken, so nothing piles up.
 */
export class Latest<T> {
  #value: { readonly is: T } | undefined;
  readonly #wake = new Set<() => void>();

  constructor(...initial: [] | [T]) {
    if (initial.length > 0) this.#value = { is: initial[0] as T };
  }

  /** Undefined before the first `set`. */
  get value(): T | undefined {
    return this.#value?.is;
  }

  set(value: T): void {
    this.#value = { is: value };
    for (const wake of this.#wake) wake();
  }

  /** Ends when the signal aborts; never rejects. */
  async *watch(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    let seen: { readonly is: T } | undefined;
    while (!signal.aborted) {
      const current = this.#value;
      if (current && current !== seen) {
        seen = current;
        yield current.is;
      } else {
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
