import type { EndpointInfo } from "../discovery/discovery.ts";
import type { Choice, ChoiceQuestion, ChoiceReason } from "./choose/chooser.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LeftOut, Pool, PoolName } from "./pool.ts";

/** Why a call went where it went, and why not elsewhere. */
export interface PickRecord {
  readonly ageMs: number;
  /** `package.Service/Method`, where the binding tells. */
  readonly method?: string;
  readonly endpoint: string;
  readonly version: string;
  readonly zone: string;
  readonly reason: ChoiceReason;
  /** Expected wait relative to the other's: the lower one is chosen. */
  readonly score: number;
  /** The other of the two, and its score. */
  readonly against?: { readonly endpoint: string; readonly score: number };
  /** Among how many it was chosen, and from where. */
  readonly among: number;
  readonly from: PoolName;
  /** Where the traffic policy sent the call, and whether that could be done. */
  readonly routed?: string;
  /** Where this call had failed before. */
  readonly tried?: readonly string[];
  /** Who could not be chosen then; the first few. */
  readonly leftOut: readonly LeftOut[];
}

const SIZE = 32;

interface Slot {
  readonly chosen: EndpointInfo;
  readonly other: EndpointInfo | undefined;
  readonly reason: ChoiceReason;
  readonly from: PoolName;
  readonly pool: Pool;
  readonly path: string | undefined;
  readonly version: string | undefined;
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
    { nowMs, path, version }: ChoiceQuestion,
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
      chosen: choice.endpoint!.info,
      other: choice.other?.info,
      reason: choice.reason,
      from,
      pool,
      path,
      version,
      tried: tried?.map((endpoint) => endpoint.info.id),
    };
  }

  /** Newest first. */
  recent(nowMs: number): PickRecord[] {
    const records: PickRecord[] = [];
    for (let index = this.#count - 1; index >= Math.max(0, this.#count - SIZE); index--) {
      const slot = index % SIZE;
      const { chosen, other, reason, from, pool, path, version, tried } = this.#slots[slot]!;
      records.push({
        ageMs: Math.round(nowMs - this.#atMs[slot]!),
        ...(path === undefined ? {} : { method: path.slice(1) }),
        endpoint: chosen.id,
        version: chosen.version,
        zone: chosen.zone,
        reason,
        score: rounded(this.#scores[slot]!),
        ...(other ? { against: { endpoint: other.id, score: rounded(this.#otherScores[slot]!) } } : {}),
        among: pool.usable.length,
        from,
        ...(version === undefined ? {} : { routed: routedTo(version, chosen) }),
        ...(tried?.length ? { tried } : {}),
        leftOut: pool.leftOut,
      });
    }
    return records;
  }
}

function routedTo(version: string, chosen: EndpointInfo): string {
  return chosen.version === version
    ? `to version ${version}`
    : `to version ${version}, of which nobody could be chosen: to any`;
}

/** To as many digits as people compare. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
