import type { Endpoint } from "../endpoint.ts";
import {
  type Choice,
  type ChoiceQuestion,
  type ChoiceReason,
  type Chooser,
  type ChooserParts,
  settle,
} from "./chooser.ts";

/** An idle endpoint whose last attempt went well is picked at the latest after this when it is drawn. */
const FORCE_PICK_AFTER_MS = 3_000;

/** So often at most another one is drawn in place of one with less than the largest weight. */
const MOST_REDRAWS = 8;

/**
 * The less loaded of two random endpoints, of which the first is drawn by weight. O(1), no I/O.
 *
 * Scores go by weight, which alone would leave nothing to the lighter of two that are idle. So, as often as its
 * weight is a part of the other's, what it has in flight still counts by weight, but the new attempt as at the other.
 * Source: Mitzenmacher 2001, "The Power of Two Choices"; `docs/decisions/0008-weights-at-low-load.md`.
 */
export class P2c implements Chooser {
  readonly #members: readonly Endpoint[];
  readonly #random: () => number;
  readonly #weights: Float64Array;
  readonly #largestWeight: number;

  constructor({ members, random, nowMs }: ChooserParts) {
    this.#members = members;
    this.#random = random;
    this.#weights = Float64Array.from(members, (endpoint) => endpoint.weight(nowMs));
    this.#largestWeight = Math.max(...this.#weights);
  }

  choose({ nowMs, tried }: ChoiceQuestion, choice: Choice): void {
    const first = this.#draw(tried);
    if (first < 0) return;
    const a = this.#members[first]!;
    const from = first + 1 + Math.floor(this.#random() * (this.#members.length - 1));
    const second = this.#untried(from, tried, a);
    if (second < 0) {
      settle(choice, a, "the only one left", nowMs);
      return;
    }
    const b = this.#members[second]!;
    const aWeight = this.#weights[first]!;
    const bWeight = this.#weights[second]!;
    const heavier = Math.max(aWeight, bWeight);
    const isSpared = this.#happens(Math.min(aWeight, bWeight), heavier);
    const aScore = a.score(nowMs, aWeight, isSpared ? aWeight / heavier : 1);
    const bScore = b.score(nowMs, bWeight, isSpared ? bWeight / heavier : 1);
    const aDue = dueReason(a, nowMs);
    const due = aDue ?? dueReason(b, nowMs);
    const takesA = due ? aDue !== undefined : aScore <= bScore;
    choice.endpoint = takesA ? a : b;
    choice.reason = due ?? "less loaded of two";
    choice.score = takesA ? aScore : bScore;
    choice.other = takesA ? b : a;
    choice.otherScore = takesA ? bScore : aScore;
  }

  /** The index of a random one, by weight; -1 where all were tried. */
  #draw(tried: readonly Endpoint[] | undefined): number {
    for (let redraws = 0; ; redraws++) {
      const index = this.#untried(Math.floor(this.#random() * this.#members.length), tried);
      if (index < 0 || redraws === MOST_REDRAWS) return index;
      if (this.#happens(this.#weights[index]!, this.#largestWeight)) return index;
    }
  }

  /** True in `part` of `whole` cases. */
  #happens(part: number, whole: number): boolean {
    return part >= whole || this.#random() * whole < part;
  }

  /** The index of the first one from there on that was not tried; -1 where there is none. */
  #untried(from: number, tried: readonly Endpoint[] | undefined, not?: Endpoint): number {
    const members = this.#members;
    for (let step = 0; step < members.length; step++) {
      const index = (from + step) % members.length;
      const endpoint = members[index]!;
      if (endpoint !== not && !tried?.includes(endpoint)) return index;
    }
    return -1;
  }
}

/** Why an endpoint is picked whatever its score: without an attempt nobody would learn that it is well. */
function dueReason(endpoint: Endpoint, nowMs: number): ChoiceReason | undefined {
  if (endpoint.awaitsProbe) return "probe after its ejection";
  const isForgotten =
    endpoint.inFlight === 0 &&
    endpoint.lastVerdict === "success" &&
    nowMs - endpoint.lastPickedAtMs > FORCE_PICK_AFTER_MS;
  return isForgotten ? "not picked for 3 s" : undefined;
}
