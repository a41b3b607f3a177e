import {
  type MethodPolicy,
  type TrafficPolicy,
  TrafficPolicySchema,
} from "@antiphon/proto/antiphon/mesh/v1/policy";
import { pathToString, reflect } from "@bufbuild/protobuf/reflect";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { contractOf } from "./contracts.ts";
import { millisOf } from "./duration.ts";
import { PolicyError, type PolicyProblem } from "./policy-error.ts";
import { unknownFields } from "./unknown-fields.ts";

const validator = createValidator();
/** Of a percentage: what a sum of decimal fractions may be off. */
const TOLERANCE = 1e-6;

/**
 * Checks a policy: each field by the rules of its contract, fields against each other, and what it asks of
 * methods against their contracts. A method of which this process has no contract is taken as it is: it
 * cannot call it either. Throws `PolicyError` naming each field that is wrong.
 */
export function checkPolicy(policy: TrafficPolicy): void {
  const problems = [...unknownFields(reflect(TrafficPolicySchema, policy)), ...brokenRules(policy)];
  if (problems.length === 0) {
    problems.push(...policy.methods.flatMap((method, index) => contradictions(method, `methods[${index}]`)));
    problems.push(
      ...repeated(
        policy.methods.map(({ method }) => method),
        "methods",
        "method",
      ),
    );
    problems.push(...badSplit(policy));
  }
  if (problems.length > 0) throw new PolicyError(problems);
}

function brokenRules(policy: TrafficPolicy): PolicyProblem[] {
  const result = validator.validate(TrafficPolicySchema, policy);
  if (result.kind === "valid") return [];
  // A rule that cannot be evaluated is a mistake in the contract.
  if (result.kind === "error") throw result.error;
  return result.violations.map(({ field, message }) => ({ field: pathToString(field), problem: message }));
}

function contradictions({ method, timeout, retry, hedge }: MethodPolicy, path: string): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const contract = contractOf(method);
  const mayRepeat = contract?.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  const harm = `${method} is not idempotent by its contract: it must not be sent twice`;
  if (retry && retry.attempts > 1) {
    const streamsRequests =
      contract?.methodKind === "client_streaming" || contract?.methodKind === "bidi_streaming";
    if (!mayRepeat) problems.push({ field: `${path}.retry.attempts`, problem: harm });
    else if (streamsRequests) {
      problems.push({
        field: `${path}.retry.attempts`,
        problem: `the messages of ${method} cannot be sent twice`,
      });
    }
  }
  if (hedge && !mayRepeat) problems.push({ field: `${path}.hedge`, problem: harm });
  if (hedge && contract && contract.methodKind !== "unary") {
    problems.push({
      field: `${path}.hedge`,
      problem: `${method} is a stream; only unary calls can be hedged`,
    });
  }
  const limitMs = timeout ? millisOf(timeout) : Number.POSITIVE_INFINITY;
  if (retry?.perAttemptTimeout && millisOf(retry.perAttemptTimeout) >= limitMs) {
    problems.push({ field: `${path}.retry.per_attempt_timeout`, problem: "must be less than the timeout" });
  }
  if (hedge?.delay && millisOf(hedge.delay) >= limitMs) {
    problems.push({ field: `${path}.hedge.delay`, problem: "must be less than the timeout" });
  }
  return problems;
}

function badSplit({ routing }: TrafficPolicy): PolicyProblem[] {
  const split = routing?.split ?? [];
  if (split.length === 0) return [];
  const sum = split.reduce((total, { percent }) => total + percent, 0);
  const problems = repeated(
    split.map(({ version }) => version),
    "routing.split",
    "version",
  );
  if (Math.abs(sum - 100) > TOLERANCE) {
    problems.push({ field: "routing.split", problem: `the percentages must add up to 100 (were ${sum})` });
  }
  return problems;
}

function repeated(names: readonly string[], list: string, field: string): PolicyProblem[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) < index
      ? [{ field: `${list}[${index}].${field}`, problem: `${JSON.stringify(name)} stands there twice` }]
      : [],
  );
}
