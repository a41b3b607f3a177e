import type { Balancer } from "./balancer.ts";
import type { LinkState } from "./endpoint.ts";
import type { EndpointState, Transition } from "./endpoint-state.ts";
import { type PickRecord, rounded } from "./pick-log.ts";
import type { BalanceSettings } from "./settings.ts";

export interface EndpointSnapshot {
  readonly id: string;
  readonly address: string;
  readonly version: string;
  readonly zone: string;
  readonly state: EndpointState;
  /** Why, and for how long already. */
  readonly reason: string;
  readonly sinceMs: number;
  readonly link: LinkState;
  /** Its part of its weight, 0 to 1: less than 1 while it warms up or discovery warns of it. */
  readonly share: number;
  readonly latencyMs: number;
  /** What it says itself: 0 idle, 1 at its limit. */
  readonly load: number;
  readonly inFlight: number;
  readonly picks: number;
  /**
   * What the next attempt would wait there, relative to the others: the lower of two is picked, but for the chance
   * that weight gives to the lighter one.
   */
  readonly score: number;
  /** Why no attempt goes there; absent where one may. */
  readonly whyNot?: string;
}

/** What `/debug/mesh` shows of a balancer. */
export interface BalanceSnapshot {
  /** In a sentence, such as "2 of 3 endpoints get calls; 1 is ejected". */
  readonly summary: string;
  readonly endpoints: readonly EndpointSnapshot[];
  readonly balance: BalanceSettings;
  /** Newest first. */
  readonly recentPicks: readonly PickRecord[];
  /** Newest first. */
  readonly recentTransitions: readonly (Omit<Transition, "atMs"> & { readonly ageMs: number })[];
}

export function snapshotOf(balancer: Balancer, nowMs: number): BalanceSnapshot {
  balancer.advance(nowMs);
  return {
    summary: summaryOf(balancer),
    endpoints: [...balancer.endpoints, ...balancer.draining].map((endpoint) => ({
      id: endpoint.info.id,
      address: `${endpoint.info.host}:${endpoint.info.port}`,
      version: endpoint.info.version,
      zone: endpoint.info.zone,
      state: endpoint.machine.state,
      reason: endpoint.machine.reason,
      sinceMs: Math.round(nowMs - endpoint.machine.sinceMs),
      link: endpoint.link,
      share: rounded(endpoint.machine.share(nowMs)),
      latencyMs: rounded(endpoint.latencyMs(nowMs)),
      load: rounded(endpoint.load.at(nowMs)),
      inFlight: endpoint.inFlight,
      picks: endpoint.picks,
      score: rounded(endpoint.score(nowMs)),
      ...(endpoint.whyNot === undefined ? {} : { whyNot: endpoint.whyNot }),
    })),
    balance: balancer.settings,
    recentPicks: balancer.recentPicks(),
    recentTransitions: balancer
      .recentTransitions()
      .map(({ atMs, ...transition }) => ({ ...transition, ageMs: Math.round(nowMs - atMs) })),
  };
}

function summaryOf(balancer: Balancer): string {
  const { usable, isPanic, known } = balancer.standing();
  const used = balancer.endpoints.length;
  const counts = balancer.countStates();
  const states = (["ejected", "connecting", "draining"] as const)
    .filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${counts[state] === 1 ? "is" : "are"} ${state}`);
  return [
    `${usable} of ${used} endpoints get calls`,
    ...states,
    ...(isPanic ? ["too few are well: ejected ones are used too"] : []),
    ...(known > used ? [`a subset of the ${known} that discovery knows`] : []),
  ].join("; ");
}
