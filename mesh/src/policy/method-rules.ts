import type { HeaderMatch, TrafficPolicy } from "@antiphon/proto/antiphon/mesh/v1/policy";
import type { DescMethod, DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { millisOf } from "./duration.ts";
import { drawVersion, type Share, versionOf } from "./version-split.ts";

/** A call's headers by their names in lower case. */
export type CallHeaders = Readonly<Record<string, string>>;

/** What the policy of a service says about the calls of one method; undefined is what it does not ask for. */
export interface MethodRules {
  /** In place of the contract's. */
  readonly timeoutMs: number | undefined;
  /** The first one and its retries. */
  readonly maxAttempts: number;
  readonly attemptTimeoutMs: number | undefined;
  /** Request messages of at least so many bytes are sent compressed. */
  readonly compressFromBytes: number | undefined;
  readonly hedge: HedgeRule | undefined;
  /** The version that a call goes to, where it matters; its listener keeps it. */
  readonly route: ((headers: CallHeaders, listener: string | undefined) => string | undefined) | undefined;
  readonly mirror: MirrorRule | undefined;
  /** What an attempt suffers; undefined where it is spared. */
  readonly fault: ((headers: CallHeaders) => FaultDrawn | undefined) | undefined;
}

export interface HedgeRule {
  readonly delayMs: number;
  /** The first one included. */
  readonly maxAttempts: number;
}

export interface MirrorRule {
  readonly version: string;
  /** Whether this call is one of those that are copied. */
  readonly hits: () => boolean;
}

export interface FaultDrawn {
  readonly delayMs: number;
  /** 0 lets the attempt go on after the delay. */
  readonly abortCode: number;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_HEDGED = 2;

/** What holds without a policy. */
export const DEFAULT_RULES: MethodRules = Object.freeze({
  timeoutMs: undefined,
  maxAttempts: DEFAULT_ATTEMPTS,
  attemptTimeoutMs: undefined,
  compressFromBytes: undefined,
  hedge: undefined,
  route: undefined,
  mirror: undefined,
  fault: undefined,
});

/**
 * Takes from a policy that was checked what concerns one method, ready for its calls. `service` is the name
 * in Consul: each has canary listeners of its own. A method whose contract is unknown is given by its name.
 * `random` is in [0, 1).
 */
export function rulesOf(
  policy: TrafficPolicy | undefined,
  service: string,
  method: DescMethod | string,
  random: () => number = Math.random,
): MethodRules {
  if (!policy) return DEFAULT_RULES;
  const name = typeof method === "string" ? method : `${method.parent.typeName}/${method.name}`;
  const own = policy.methods.find((one) => one.method === name);
  const { compressFromBytes, hedge, retry, timeout } = own ?? {};
  return {
    timeoutMs: timeout && millisOf(timeout),
    maxAttempts: retry?.attempts ?? DEFAULT_ATTEMPTS,
    attemptTimeoutMs: retry?.perAttemptTimeout && millisOf(retry.perAttemptTimeout),
    compressFromBytes,
    hedge: hedge?.delay && {
      delayMs: millisOf(hedge.delay),
      maxAttempts: hedge.attempts ?? DEFAULT_HEDGED,
    },
    route: routeOf(policy, service, random),
    mirror: mirrorOf(policy, method, random),
    fault: faultOf(policy, name, random),
  };
}

function routeOf({ routing }: TrafficPolicy, service: string, random: () => number): MethodRules["route"] {
  if (!routing || (routing.headers.length === 0 && routing.split.length === 0)) return undefined;
  const { headers: byHeader, splitPerCall } = routing;
  const shares: readonly Share[] = routing.split;
  return (headers, listener) => {
    for (const { header, version } of byHeader) if (matches(header, headers)) return version;
    if (splitPerCall || listener === undefined) return drawVersion(shares, random());
    return versionOf(shares, `${service} ${listener}`);
  };
}

function mirrorOf(
  { mirror }: TrafficPolicy,
  method: DescMethod | string,
  random: () => number,
): MirrorRule | undefined {
  if (!mirror || !isReadOnly(method)) return undefined;
  const { version, percent } = mirror;
  return { version, hits: () => random() * 100 < percent };
}

/** A copy of it changes nothing that the call itself is about. */
function isReadOnly(method: DescMethod | string): method is DescMethodUnary {
  return (
    typeof method !== "string" &&
    method.methodKind === "unary" &&
    method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
  );
}

function faultOf({ faults }: TrafficPolicy, name: string, random: () => number): MethodRules["fault"] {
  const own = faults.filter(({ methods }) => methods.length === 0 || methods.includes(name));
  if (own.length === 0) return undefined;
  return (headers) => {
    const hit = own.filter(({ header, percent }) => matches(header, headers) && random() * 100 < percent);
    if (hit.length === 0) return undefined;
    return {
      delayMs: hit.reduce((sum, { delay }) => sum + (delay ? millisOf(delay) : 0), 0),
      abortCode: hit.find(({ abortCode }) => abortCode !== 0)?.abortCode ?? 0,
    };
  };
}

/** No match asks for nothing. */
function matches(match: HeaderMatch | undefined, headers: CallHeaders): boolean {
  if (!match) return true;
  const value = headers[match.name];
  return value !== undefined && (match.value === "" || value === match.value);
}
