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

/**
 * The less loaded of two random endpoints. O(1), no I/O.
 * Source: Mitzenmacher 2001, "The Power of Two Choices".
 */
export class P2c implements Chooser {
  readonly #members: readonly Endpoint[];
  readonly #random: () => number;

  constructor({ members, random }: Pick<ChooserParts, "members" | "random">) {
    this.#members = members;
    this.#random = random;
  }

  choose({ nowMs, tried }: ChoiceQuestion, choice: Choice): void {
    const count = this.#members.length;
    const first = Math.floor(this.#random() * count);
    const a = this.#scan(first, tried, undefined);
    if (!a) return;
    const b =
      count > 1 ? this.#scan(first + 1 + Math.floor(this.#random() * (count - 1)), tried, a) : undefined;
    if (!b) {
      settle(choice, a, "the only one left", nowMs);
      return;
    }
    const aScore = a.score(nowMs);
    const bScore = b.score(nowMs);
    const aDue = dueReason(a, nowMs);
    const due = aDue ?? dueReason(b, nowMs);
    const takesA = due ? aDue !== undefined : aScore <= bScore;
    choice.endpoint = takesA ? a : b;
    choice.reason = due ?? "less loaded of two";
    choice.score = takesA ? aScore : bScore;
    choice.other = takesA ? b : a;
    choice.otherScore = takesA ? bScore : aScore;
  }

  #scan(
    from: number,
    tried: readonly Endpoint[] | undefined,
    not: Endpoint | undefined,
  ): Endpoint | undefined {
    const members = this.#members;
    for (let step = 0; step < members.length; step++) {
      const endpoint = members[(from + step) % members.length]!;
      if (endpoint !== not && !tried?.includes(endpoint)) return endpoint;
    }
    return undefined;
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
