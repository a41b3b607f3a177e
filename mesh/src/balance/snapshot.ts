import type { Balancer } from "./balancer.ts";
import type { LinkState } from "./endpoint.ts";
import type { EndpointState, Transition } from "./endpoint-state.ts";
import type { PickRecord } from "./pick-log.ts";
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
}

/** What `/debug/mesh` shows of a balancer. */
export interface BalanceSnapshot {
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
    endpoints: [...balancer.endpoints, ...balancer.draining].map((endpoint) => ({
      id: endpoint.info.id,
      address: `${endpoint.info.host}:${endpoint.info.port}`,
      version: endpoint.info.version,
      zone: endpoint.info.zone,
      state: endpoint.machine.state,
      reason: endpoint.machine.reason,
      sinceMs: nowMs - endpoint.machine.sinceMs,
      link: endpoint.link,
      share: endpoint.machine.share(nowMs),
      latencyMs: endpoint.latencyMs(nowMs),
      load: endpoint.load.at(nowMs),
      inFlight: endpoint.inFlight,
      picks: endpoint.picks,
    })),
    balance: balancer.settings,
    recentPicks: balancer.recentPicks(),
    recentTransitions: balancer
      .recentTransitions()
      .map(({ atMs, ...transition }) => ({ ...transition, ageMs: nowMs - atMs })),
  };
}
