/**
 * How an endpoint is chosen.
 * - `p2c`: the less loaded of two random ones, by peak-EWMA latency, attempts in flight, what the server says
 *   of its load, and weight.
 * - `round_robin`: each in turn, whatever its weight.
 * - `weighted`: each in turn, as often as its weight says.
 * - `ring_hash`: the same endpoint for the same key, as long as it is there and has room.
 */
export type Algorithm = "p2c" | "round_robin" | "weighted" | "ring_hash";

const ALGORITHMS: readonly Algorithm[] = ["p2c", "round_robin", "weighted", "ring_hash"];

/** What `ring_hash` takes for a call's key. A call without one is balanced by `p2c`. */
export type HashSource =
  | { readonly kind: "header"; readonly name: string }
  /** A field of the request by its name in the contract, such as `track_id`. Not for grpc-js clients. */
  | { readonly kind: "field"; readonly name: string };

/** When an endpoint is left out for what came of its attempts. */
export interface EjectionSettings {
  /** Failures in a row. Default 5. */
  readonly consecutiveFailures: number;
  /** Share of failures in ten seconds, 0 to 1, counted by opossum. Default 0.5. */
  readonly failureRatio: number;
  /** No ejection on a share of failures with fewer attempts than this in ten seconds. Default 10. */
  readonly minAttempts: number;
  /**
   * An endpoint whose share of successes is so many standard deviations below that of all is left out;
   * 0 switches it off. Default 1.9. Source: Envoy's outlier detection.
   */
  readonly successRateDeviations: number;
  /** How long the first ejection lasts, ±20 %; each one after, twice as long. Default 5,000. */
  readonly baseMs: number;
  /** No ejection lasts longer. Default 60,000. */
  readonly maxMs: number;
  /** No more than this share of all endpoints is ejected at a time, but one always may. Default 0.5. */
  readonly maxShare: number;
}

/** How the calls to one service are spread. Changed at run time by `Balancer.configure`. */
export interface BalanceSettings {
  /** Default `p2c`. */
  readonly algorithm: Algorithm;
  /** For `ring_hash`, and needed there. */
  readonly hash: HashSource | undefined;
  /** `ring_hash` goes on to the next endpoint where one has so many times the mean in flight. Default 1.25. */
  readonly boundedLoad: number;
  /** Whether the caller's own zone is preferred as long as it is well. Default false. */
  readonly preferZone: boolean;
  /**
   * Below this share of its endpoints being well, calls begin to leave the caller's zone, in proportion.
   * Default 0.7.
   */
  readonly zoneSpillBelow: number;
  /** A caller connects to so many endpoints of a larger fleet, always the same ones; 0: to all. Default 100. */
  readonly subsetSize: number;
  /** With a smaller share of all endpoints well, ejected ones are used too. Default 0.5. */
  readonly panicThreshold: number;
  /** How long the share of a new, or healed, endpoint takes to grow to the whole; 0: no time. Default 10,000. */
  readonly slowStartMs: number;
  /** What is left of the weight of an endpoint of which discovery warns, in (0, 1]. Default 0.5. */
  readonly warningWeight: number;
  readonly ejection: EjectionSettings;
}

/** What is to differ from the defaults. */
export type BalanceOverrides = Partial<Omit<BalanceSettings, "ejection">> & {
  readonly ejection?: Partial<EjectionSettings>;
};

export const DEFAULT_BALANCE: BalanceSettings = Object.freeze({
  algorithm: "p2c",
  hash: undefined,
  boundedLoad: 1.25,
  preferZone: false,
  zoneSpillBelow: 0.7,
  subsetSize: 100,
  panicThreshold: 0.5,
  slowStartMs: 10_000,
  warningWeight: 0.5,
  ejection: Object.freeze({
    consecutiveFailures: 5,
    failureRatio: 0.5,
    minAttempts: 10,
    successRateDeviations: 1.9,
    baseMs: 5_000,
    maxMs: 60_000,
    maxShare: 0.5,
  }),
});

/** Settings that make no sense; has a sentence for each field. */
export class BalanceSettingsError extends Error {
  override readonly name = "BalanceSettingsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

interface Range {
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
}

const HOUR_MS = 3_600_000;

const RANGES: Readonly<Record<string, Range>> = {
  boundedLoad: { least: 1, most: 100 },
  zoneSpillBelow: { least: 0, most: 1 },
  subsetSize: { least: 0, most: 100_000, whole: true },
  panicThreshold: { least: 0, most: 1 },
  slowStartMs: { least: 0, most: HOUR_MS },
  warningWeight: { least: 0.01, most: 1 },
  "ejection.consecutiveFailures": { least: 1, most: 1_000, whole: true },
  "ejection.failureRatio": { least: 0.01, most: 1 },
  "ejection.minAttempts": { least: 1, most: 100_000, whole: true },
  "ejection.successRateDeviations": { least: 0, most: 100 },
  "ejection.baseMs": { least: 1, most: HOUR_MS },
  "ejection.maxMs": { least: 1, most: HOUR_MS },
  "ejection.maxShare": { least: 0, most: 1 },
};

/** The defaults with what differs. Throws {@link BalanceSettingsError} naming every field that makes no sense. */
export function balanceSettings(overrides: BalanceOverrides = {}): BalanceSettings {
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const ejection = { ...DEFAULT_BALANCE.ejection, ...overrides.ejection };
  const settings: BalanceSettings = { ...DEFAULT_BALANCE, ...given, ejection };
  const values = new Map<string, unknown>([
    ...Object.entries(settings),
    ...Object.entries(ejection).map(([name, value]) => [`ejection.${name}`, value] as const),
  ]);
  const problems = Object.entries(RANGES).flatMap(([field, range]) =>
    problemOf(field, values.get(field), range),
  );
  if (!ALGORITHMS.includes(settings.algorithm)) {
    problems.push(`algorithm: must be one of ${ALGORITHMS.join(", ")} (was ${settings.algorithm})`);
  }
  if (settings.algorithm === "ring_hash" && !settings.hash?.name) {
    problems.push("hash: ring_hash needs a header or a field of the request to hash by");
  }
  if (ejection.maxMs < ejection.baseMs) {
    problems.push(
      `ejection.maxMs: must be at least ejection.baseMs, ${ejection.baseMs} (was ${ejection.maxMs})`,
    );
  }
  if (problems.length > 0) throw new BalanceSettingsError(problems);
  return Object.freeze(settings);
}

function problemOf(field: string, value: unknown, { least, most, whole = false }: Range): string[] {
  const fits = typeof value === "number" && value >= least && value <= most;
  if (fits && (!whole || Number.isInteger(value))) return [];
  return [
    `${field}: must be a ${whole ? "whole " : ""}number from ${least} to ${most} (was ${String(value)})`,
  ];
}
