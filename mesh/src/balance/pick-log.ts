import type { Choice, ChoiceReason } from "./choose/chooser.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LeftOut, Pool, PoolName } from "./pool.ts";

/** Why a call went where it went, and why not elsewhere. */
export interface PickRecord {
  readonly ageMs: number;
  readonly endpoint: string;
  readonly score: number;
  readonly reason: ChoiceReason;
  /** The other of the two, and its score. */
  readonly against?: { readonly endpoint: string; readonly score: number };
  /** Among how many it was chosen, and from where. */
  readonly among: number;
  readonly from: PoolName;
  /** Where this call had failed before. */
  readonly tried?: readonly string[];
  /** Who could not be chosen then; the first few. */
  readonly leftOut: readonly LeftOut[];
}

const SIZE = 32;

interface Slot {
  readonly chosen: string;
  readonly other: string | undefined;
  readonly reason: ChoiceReason;
  readonly from: PoolName;
  readonly pool: Pool;
  readonly tried: readonly string[] | undefined;
}

/** The last picks of a target, with little to do on the way of a call. */
export class PickLog {
  readonly #atMs = new Float64Array(SIZE);
  readonly #scores = new Float64Array(SIZE);
  readonly #otherScores = new Float64Array(SIZE);
  readonly #slots: Slot[] = [];
  #count = 0;

  add(
    nowMs: number,
    choice: Choice,
    from: PoolName,
    pool: Pool,
    tried: readonly Endpoint[] | undefined,
  ): void {
    const slot = this.#count++ % SIZE;
    this.#atMs[slot] = nowMs;
    this.#scores[slot] = choice.score;
    this.#otherScores[slot] = choice.otherScore;
    this.#slots[slot] = {
      chosen: choice.endpoint!.info.id,
      other: choice.other?.info.id,
      reason: choice.reason,
      from,
      pool,
      tried: tried?.map((endpoint) => endpoint.info.id),
    };
  }

  /** Newest first. */
  recent(nowMs: number): PickRecord[] {
    const records: PickRecord[] = [];
    for (let index = this.#count - 1; index >= Math.max(0, this.#count - SIZE); index--) {
      const slot = index % SIZE;
      const { chosen, other, reason, from, pool, tried } = this.#slots[slot]!;
      records.push({
        ageMs: nowMs - this.#atMs[slot]!,
        endpoint: chosen,
        score: this.#scores[slot]!,
        reason,
        ...(other === undefined ? {} : { against: { endpoint: other, score: this.#otherScores[slot]! } }),
        among: pool.usable.length,
        from,
        ...(tried?.length ? { tried } : {}),
        leftOut: pool.leftOut,
      });
    }
    return records;
  }
}
