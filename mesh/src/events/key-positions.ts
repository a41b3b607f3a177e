/** How an event stands to what a read model knows of its key. */
export type Standing =
  | "next"
  /** The model has it: loaded, or applied. */
  | "known"
  /** The model knows the key, and events between are missing. */
  | "gap";

/** How far a read model is in each key. */
export class KeyPositions {
  readonly #byAggregate = new Map<string, Map<string, bigint>>();

  /** The model holds the key as of this event; an export gives the number with each row. */
  set(aggregate: string, key: string, keySeq: bigint): void {
    const keys = this.#byAggregate.get(aggregate);
    if (keys) keys.set(key, keySeq);
    else this.#byAggregate.set(aggregate, new Map([[key, keySeq]]));
  }

  get(aggregate: string, key: string): bigint | undefined {
    return this.#byAggregate.get(aggregate)?.get(key);
  }

  /** A key that the model does not know may begin anywhere: an export leaves out what its reader must not see. */
  standing(aggregate: string, key: string, keySeq: bigint): Standing {
    const position = this.get(aggregate, key);
    if (position === undefined || keySeq === position + 1n) return "next";
    return keySeq <= position ? "known" : "gap";
  }

  clear(): void {
    this.#byAggregate.clear();
  }
}
