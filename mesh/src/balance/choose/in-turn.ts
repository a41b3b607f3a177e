import type { Endpoint } from "../endpoint.ts";
import { type Choice, type ChoiceQuestion, type Chooser, type ChooserParts, settle } from "./chooser.ts";

/** A weight is at least this part of the largest, so that a turn is found in a bounded number of steps. */
const LEAST_PART = 0.01;

/**
 * Each endpoint in turn; with weights, as often as its weight says, and evenly spread.
 * Source: the static stride scheduler of gRPC's weighted round robin (gRFC A58).
 */
export class InTurn implements Chooser {
  readonly #members: readonly Endpoint[];
  /** Relative to the largest, in (0, 1]; undefined where all are alike. */
  readonly #parts: Float64Array | undefined;
  #turn: number;

  constructor({ members, random, nowMs }: ChooserParts, isWeighted: boolean) {
    this.#members = members;
    // Callers that start together do not all begin with the same endpoint.
    this.#turn = Math.floor(random() * members.length * 64);
    if (!isWeighted) return;
    const weights = members.map((endpoint) => endpoint.weight(nowMs));
    const largest = Math.max(...weights);
    this.#parts = Float64Array.from(weights, (weight) => Math.max(LEAST_PART, weight / largest));
  }

  choose({ nowMs, tried }: ChoiceQuestion, choice: Choice): void {
    const count = this.#members.length;
    const reason = this.#parts ? "its turn by weight" : "its turn";
    const mostTurns = this.#parts ? count * Math.ceil(1 / LEAST_PART) : count;
    for (let step = 0; step < mostTurns; step++) {
      const turn = this.#turn++;
      const index = turn % count;
      if (this.#parts && !hasTurn(Math.floor(turn / count), this.#parts[index]!, index / count)) continue;
      const endpoint = this.#members[index]!;
      if (tried?.includes(endpoint)) continue;
      settle(choice, endpoint, reason, nowMs);
      return;
    }
  }
}

/** Whether a whole number lies in this round's stretch of `part`: true in that part of all rounds. */
function hasTurn(round: number, part: number, offset: number): boolean {
  return Math.floor((round + 1) * part + offset) > Math.floor(round * part + offset);
}
