import type { Endpoint } from "./endpoint.ts";

/** Why an endpoint was chosen. */
export type PickReason =
  | "only one ready"
  | "only one left"
  | "less loaded of two"
  | "not picked for 3 s"
  | "probe of its breaker"
  | "every other was tried"
  | "panic: every endpoint is ejected";

export interface PickRecord {
  readonly ageMs: number;
  readonly endpoint: string;
  readonly score: number;
  readonly reason: PickReason;
  /** The other of the two, and its score. */
  readonly against?: { readonly endpoint: string; readonly score: number };
}

const SIZE = 32;

/** The last picks of a target, kept without allocating on the way of a call. */
export class PickLog {
  readonly #atMs = new Float64Array(SIZE);
  readonly #scores = new Float64Array(SIZE);
  readonly #otherScores = new Float64Array(SIZE);
  readonly #chosen: string[] = [];
  readonly #others: (string | undefined)[] = [];
  readonly #reasons: PickReason[] = [];
  #count = 0;

  add(
    nowMs: number,
    reason: PickReason,
    chosen: Endpoint,
    score: number,
    other: Endpoint | undefined,
    otherScore: number,
  ): void {
    const slot = this.#count++ % SIZE;
    this.#atMs[slot] = nowMs;
    this.#scores[slot] = score;
    this.#otherScores[slot] = otherScore;
    this.#chosen[slot] = chosen.info.id;
    this.#others[slot] = other?.info.id;
    this.#reasons[slot] = reason;
  }

  /** Newest first. */
  recent(nowMs: number): PickRecord[] {
    const records: PickRecord[] = [];
    for (let index = this.#count - 1; index >= Math.max(0, this.#count - SIZE); index--) {
      const slot = index % SIZE;
      const other = this.#others[slot];
      records.push({
        ageMs: nowMs - this.#atMs[slot]!,
        endpoint: this.#chosen[slot]!,
        score: this.#scores[slot]!,
        reason: this.#reasons[slot]!,
        ...(other === undefined ? {} : { against: { endpoint: other, score: this.#otherScores[slot]! } }),
      });
    }
    return records;
  }
}
