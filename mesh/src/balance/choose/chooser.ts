import type { Endpoint } from "../endpoint.ts";

/** Why an endpoint was chosen. */
export type ChoiceReason =
  | "less loaded of two"
  | "the only one left"
  | "not picked for 3 s"
  | "probe after its ejection"
  | "its turn"
  | "its turn by weight"
  | "owner of the key"
  | "next to the key's owner";

/** What a choice depends on besides the endpoints. */
export interface ChoiceQuestion {
  nowMs: number;
  /** Where this call failed before: not chosen. */
  tried: readonly Endpoint[] | undefined;
  /** What `ring_hash` places the call by. */
  key: string | undefined;
  /** What the policy of the call's target asks for; one of another version is chosen where none of it is well. */
  version: string | undefined;
  /** Whose call it is, for the log of picks: `/package.Service/Method`. */
  path: string | undefined;
}

/** The answer; one object for all picks, so that none is allocated on the way of a call. */
export interface Choice {
  endpoint: Endpoint | undefined;
  reason: ChoiceReason;
  score: number;
  /** What it was compared with. */
  other: Endpoint | undefined;
  otherScore: number;
}

/** One algorithm over endpoints that may all be chosen. Made anew when these change, and each second while one warms up. */
export interface Chooser {
  /** Fills `choice` in; its `endpoint` is undefined where every endpoint was tried. */
  choose(question: ChoiceQuestion, choice: Choice): void;
}

export interface ChooserParts {
  /** Not empty. */
  readonly members: readonly Endpoint[];
  /** In [0, 1). */
  readonly random: () => number;
  readonly nowMs: number;
}

/** Fills in a choice made without a comparison. */
export function settle(choice: Choice, endpoint: Endpoint, reason: ChoiceReason, nowMs: number): void {
  choice.endpoint = endpoint;
  choice.reason = reason;
  choice.score = endpoint.score(nowMs);
  choice.other = undefined;
}
