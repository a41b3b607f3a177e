import { type Clock, systemClock } from "../clock.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import type { BreakerOptions } from "../resilience/breaker.ts";
import { Endpoint, type LinkState } from "./endpoint.ts";
import { PickLog, type PickReason, type PickRecord } from "./pick-log.ts";

/** An idle endpoint whose last attempt went well is picked at the latest after this when it is drawn. */
const FORCE_PICK_AFTER_MS = 3_000;

export interface BalancerOptions {
  readonly clock?: Clock;
  readonly breaker?: BreakerOptions;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface EndpointChanges {
  readonly added: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

/** Which endpoints a pick may look at; tried in this order until one yields somebody. */
type Tier = "fresh" | "again" | "panic";
const TIERS: readonly Tier[] = ["fresh", "again", "panic"];

/**
 * The endpoints of one target and the choice among them. It does no I/O: a binding connects what
 * `update` adds, tells `setLink` how that went, asks `pick` and reports `Endpoint.end`.
 */
export class Balancer {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #breaker: BreakerOptions | undefined;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #log = new PickLog();
  #ready: Endpoint[] = [];

  constructor(options: BalancerOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#breaker = options.breaker;
  }

  get endpoints(): readonly Endpoint[] {
    return [...this.#endpoints.values()];
  }

  /** Takes in what discovery says. An endpoint that stays keeps its connection and its history. */
  update(infos: readonly EndpointInfo[]): EndpointChanges {
    const wanted = new Map(infos.map((info) => [keyOf(info), info]));
    const removed = [...this.#endpoints].filter(([key]) => !wanted.has(key));
    const added: Endpoint[] = [];
    for (const [key, info] of wanted) {
      const known = this.#endpoints.get(key);
      if (known) known.info = info;
      else {
        const endpoint = new Endpoint(info, this.#breaker, this.#random);
        this.#endpoints.set(key, endpoint);
        added.push(endpoint);
      }
    }
    for (const [key, endpoint] of removed) {
      this.#endpoints.delete(key);
      endpoint.breaker.close();
    }
    this.#refresh();
    return { added, removed: removed.map(([, endpoint]) => endpoint) };
  }

  /** Tells how the connection to an endpoint stands. */
  setLink(endpoint: Endpoint, link: LinkState): void {
    endpoint.link = link;
    this.#refresh();
  }

  /**
   * Picks the less loaded of two random ready endpoints that admit attempts and were not tried by this
   * call yet; failing that one that was tried; failing that, with every endpoint ejected, any. The
   * attempt still has to be counted in with `Endpoint.begin`, at once, so that a burst spreads.
   * Undefined where none is connected. O(1) while most endpoints are healthy, no I/O.
   * Source: Mitzenmacher 2001, "The Power of Two Choices".
   */
  pick(nowMs: number, tried?: readonly Endpoint[]): Endpoint | undefined {
    if (this.#ready.length === 0) return undefined;
    for (const tier of TIERS) {
      const chosen = this.#choose(nowMs, tier, tried);
      if (chosen) return chosen;
    }
    return undefined;
  }

  /** Whether a ready endpoint is left that the call has not tried. */
  hasUntried(tried: readonly Endpoint[]): boolean {
    return this.#ready.some((endpoint) => endpoint.breaker.admits && !tried.includes(endpoint));
  }

  /** Whether one of them has room for what others refused. */
  hasWilling(tried: readonly Endpoint[], nowMs: number): boolean {
    return this.#ready.some(
      (endpoint) => endpoint.breaker.admits && endpoint.load.willing(nowMs) && !tried.includes(endpoint),
    );
  }

  recentPicks(): PickRecord[] {
    return this.#log.recent(this.#clock.monotonic());
  }

  close(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.breaker.close();
    this.#endpoints.clear();
    this.#ready = [];
  }

  #choose(nowMs: number, tier: Tier, tried: readonly Endpoint[] | undefined): Endpoint | undefined {
    const ready = this.#ready;
    const count = ready.length;
    const first = Math.floor(this.#random() * count);
    const a = this.#scan(first, tier, tried, undefined);
    if (!a) return undefined;
    const second = count > 1 ? first + 1 + Math.floor(this.#random() * (count - 1)) : first;
    const b = count > 1 ? this.#scan(second, tier, tried, a) : undefined;
    const aScore = a.score(nowMs);
    if (!b) {
      const alone = count === 1 ? "only one ready" : "only one left";
      this.#log.add(nowMs, reasonOf(tier, alone), a, aScore, undefined, 0);
      return a;
    }
    const bScore = b.score(nowMs);
    const due = dueReason(a, nowMs) ?? dueReason(b, nowMs);
    const takesA = due ? dueReason(a, nowMs) !== undefined : aScore <= bScore;
    const reason = reasonOf(tier, due ?? "less loaded of two");
    if (takesA) this.#log.add(nowMs, reason, a, aScore, b, bScore);
    else this.#log.add(nowMs, reason, b, bScore, a, aScore);
    return takesA ? a : b;
  }

  #scan(
    from: number,
    tier: Tier,
    tried: readonly Endpoint[] | undefined,
    not: Endpoint | undefined,
  ): Endpoint | undefined {
    const ready = this.#ready;
    for (let step = 0; step < ready.length; step++) {
      const endpoint = ready[(from + step) % ready.length]!;
      if (endpoint === not) continue;
      if (tier !== "panic" && !endpoint.breaker.admits) continue;
      if (tier === "fresh" && tried?.includes(endpoint)) continue;
      return endpoint;
    }
    return undefined;
  }

  #refresh(): void {
    this.#ready = [...this.#endpoints.values()].filter((endpoint) => endpoint.link === "ready");
  }
}

/** The same id at another address is another process. */
function keyOf(info: EndpointInfo): string {
  return `${info.id} ${info.host}:${info.port}`;
}

function reasonOf(tier: Tier, reason: PickReason): PickReason {
  if (tier === "panic") return "panic: every endpoint is ejected";
  return tier === "again" ? "every other was tried" : reason;
}

/** Why an endpoint is picked whatever its score: without an attempt nobody would learn that it is well. */
function dueReason(endpoint: Endpoint, nowMs: number): PickReason | undefined {
  if (endpoint.breaker.awaitsProbe) return "probe of its breaker";
  const isForgotten =
    endpoint.inFlight === 0 &&
    endpoint.lastVerdict === "success" &&
    nowMs - endpoint.lastPickedAtMs > FORCE_PICK_AFTER_MS;
  return isForgotten ? "not picked for 3 s" : undefined;
}
