/** One thing that is wrong with a policy. */
export interface PolicyProblem {
  /** Where, as a path such as `routing.split[0].percent`; empty where it is the whole. */
  readonly field: string;
  /** What is wrong and what is allowed. */
  readonly problem: string;
}

/** Thrown for a policy of nonsense; the message names each field. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(({ field, problem }) => (field ? `${field}: ${problem}` : problem)).join("; "));
    this.problems = problems;
  }
}
