import { EventEmitter } from "node:events";
import { type Clock, systemClock } from "../clock.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import { type CallerLag, loopLag } from "./caller-lag.ts";
import type { Choice, ChoiceQuestion } from "./choose/chooser.ts";
import { Ring } from "./choose/ring-hash.ts";
import { Endpoint, type Fleet, type LinkState } from "./endpoint.ts";
import { ENDPOINT_STATES, type EndpointState, type Transition } from "./endpoint-state.ts";
import { ejectOutliers } from "./outliers.ts";
import { PickLog, type PickRecord } from "./pick-log.ts";
import { Pool, type PoolParts } from "./pool.ts";
import { type BalanceOverrides, type BalanceSettings, balanceSettings, type HashSource } from "./settings.ts";
import { orderOf } from "./subset.ts";

export interface BalancerOptions {
  readonly clock?: Clock;
  /** Throws `BalanceSettingsError` where they make no sense. */
  readonly settings?: BalanceOverrides;
  /** The caller's zone, for `preferZone`. Default none. */
  readonly zone?: string;
  /** Decides which subset of a large fleet is used. Default a random one for this process. */
  readonly callerId?: string;
  /** Default that of this process. */
  readonly lag?: CallerLag;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  /** Hears of every transition, once. */
  readonly onTransition?: (transition: Transition) => void;
}

export interface Standing {
  readonly usable: number;
  /** Too few are well: whoever is connected is used. */
  readonly isPanic: boolean;
  /** More than there are endpoints where this caller uses a subset. */
  readonly known: number;
}

export interface EndpointChanges {
  readonly added: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

const SWEEP_MS = 10_000;
const TICK_MS = 1_000;
/** A breaker's window has as many buckets, a second each. */
const MOST_ROTATIONS = 10;
const TRANSITIONS_KEPT = 64;

/** Of a subset, so large a part is to be connected, or about to be; else more endpoints are taken. */
const LEAST_ALIVE = 0.5;
/** Of a fleet that is gone altogether no more is tried than so many times the subset. */
const MOST_SUBSETS = 3;
const NO_CHANGES: EndpointChanges = { added: [], removed: [] };

const processId = crypto.randomUUID();

/**
 * The endpoints of one target and the choice among them. It does no I/O and sets no timer: a binding
 * connects what `update` adds, tells `setLink` how that went, asks `pick` and reports `Endpoint.end`; what
 * has become due is done on the way.
 */
export class Balancer {
  readonly #clock: Clock;
  readonly #zone: string;
  readonly #callerId: string;
  readonly #endpoints = new Map<string, Endpoint>();
  #draining: Endpoint[] = [];
  #infos: readonly EndpointInfo[] = [];
  /** All that discovery knows, by key, in the order in which this caller takes them. */
  #order: readonly (readonly [string, EndpointInfo])[] = [];
  #pool: Pool | undefined;
  /** Of the endpoints of one version each. */
  readonly #versions = new Map<string, Pool>();
  #ring: Ring | undefined;
  readonly #fleet: Fleet & { settings: BalanceSettings };
  readonly #log = new PickLog();
  readonly #transitions: Transition[] = [];
  readonly #listeners = new Set<(transition: Transition) => void>();
  readonly #question: ChoiceQuestion = {
    nowMs: 0,
    tried: undefined,
    key: undefined,
    version: undefined,
    path: undefined,
  };
  readonly #choice: Choice = {
    endpoint: undefined,
    reason: "its turn",
    score: 0,
    other: undefined,
    otherScore: 0,
  };
  #dueAtMs = 0;
  #tickedAtMs: number;
  #sweptAtMs: number;

  constructor(options: BalancerOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#zone = options.zone ?? "";
    this.#callerId = options.callerId ?? processId;
    this.#tickedAtMs = this.#sweptAtMs = this.#clock.monotonic();
    if (options.onTransition) this.#listeners.add(options.onTransition);
    this.#fleet = {
      settings: balanceSettings(options.settings),
      inFlight: 0,
      lag: options.lag ?? loopLag,
      random: options.random ?? Math.random,
      rotation: new EventEmitter().setMaxListeners(0),
      mayEject: () => this.#mayEject(),
      onTransition: (endpoint, transition) => this.#onTransition(endpoint, transition),
      onProbe: () => this.#forgetPools(),
    };
  }

  /** Those in use, without what drains. */
  get endpoints(): readonly Endpoint[] {
    return [...this.#endpoints.values()];
  }

  get settings(): BalanceSettings {
    return this.#fleet.settings;
  }

  /** What `pick` wants to know of a call; undefined where it needs nothing. */
  get hash(): HashSource | undefined {
    const { algorithm, hash } = this.#fleet.settings;
    return algorithm === "ring_hash" ? hash : undefined;
  }

  /**
   * Changes how calls are spread, from the next pick on; what is not named returns to its default. Endpoints
   * may come and go by it, as by `update`. Throws `BalanceSettingsError`, and then nothing has changed.
   */
  configure(overrides: BalanceOverrides): EndpointChanges {
    this.#fleet.settings = balanceSettings(overrides);
    return this.#apply();
  }

  /** Takes in what discovery says. An endpoint that stays keeps its connection and its history. */
  update(infos: readonly EndpointInfo[]): EndpointChanges {
    this.#infos = infos;
    return this.#apply();
  }

  /**
   * Tells how the connection to an endpoint stands, and why. Where that leaves too few of a subset, others come in
   * for them: they are returned, for the binding to connect.
   */
  setLink(endpoint: Endpoint, link: LinkState, reason = "not connected"): EndpointChanges {
    const nowMs = this.#clock.monotonic();
    endpoint.link = link;
    if (link === "ready") endpoint.machine.connected(nowMs);
    else endpoint.machine.disconnected(reason, nowMs);
    this.#forgetPools();
    const mayBeTooFew = link === "backoff" && this.#endpoints.size < this.#order.length;
    return mayBeTooFew ? this.#take(nowMs) : NO_CHANGES;
  }

  /**
   * Picks an endpoint by the algorithm of the settings, among those that are well and were not tried by this
   * call yet; failing that one that was tried; with too few of them well, among all that are connected. With
   * a `version`, one that runs it comes first, as long as one is well and was not tried. The attempt still
   * has to be counted in with `Endpoint.begin`, at once, so that a burst spreads.
   * Undefined where none is connected. No I/O; O(1) with `p2c`.
   */
  pick(
    nowMs: number,
    tried?: readonly Endpoint[],
    key?: string,
    version?: string,
    path?: string,
  ): Endpoint | undefined {
    if (nowMs >= this.#dueAtMs) this.advance(nowMs);
    const question = this.#question;
    const choice = this.#choice;
    question.nowMs = nowMs;
    question.tried = tried;
    question.key = key;
    question.version = version;
    question.path = path;
    choice.endpoint = undefined;
    let pool = version === undefined ? undefined : this.#versionPool(version, nowMs);
    let from = pool?.choose(question, choice);
    if (!choice.endpoint) {
      pool = this.#currentPool(nowMs);
      from = pool.choose(question, choice);
      if (!choice.endpoint && tried) {
        question.tried = undefined;
        from = pool.choose(question, choice);
      }
    }
    if (choice.endpoint) this.#log.add(question, choice, from!, pool!, tried);
    return choice.endpoint;
  }

  /** Whether an endpoint that is well is left that the call has not tried. */
  hasUntried(tried: readonly Endpoint[]): boolean {
    const { usable } = this.#currentPool(this.#clock.monotonic());
    return usable.some((endpoint) => endpoint.admits && !tried.includes(endpoint));
  }

  /** Whether one of them has room for what others refused. */
  hasWilling(tried: readonly Endpoint[], nowMs: number): boolean {
    return this.#currentPool(nowMs).usable.some(
      (endpoint) => endpoint.admits && endpoint.load.willing(nowMs) && !tried.includes(endpoint),
    );
  }

  /** Does what has become due: ejections end, endpoints are warm, success rates are compared. */
  advance(nowMs: number): void {
    const seconds = Math.floor((nowMs - this.#tickedAtMs) / TICK_MS);
    if (seconds > 0) {
      this.#tickedAtMs += seconds * TICK_MS;
      for (let turn = 0; turn < Math.min(seconds, MOST_ROTATIONS); turn++)
        this.#fleet.rotation.emit("rotate");
      this.#draining = this.#draining.filter((endpoint) => endpoint.inFlight > 0);
      // Shares have grown meanwhile.
      if (this.#fleet.settings.algorithm !== "round_robin" && this.#anyWarms()) this.#forgetPools();
    }
    let dueAtMs = this.#tickedAtMs + TICK_MS;
    for (const { machine } of this.#endpoints.values()) {
      if (machine.dueAtMs <= nowMs) machine.tick(nowMs);
      if (machine.dueAtMs > nowMs) dueAtMs = Math.min(dueAtMs, machine.dueAtMs);
    }
    if (nowMs - this.#sweptAtMs >= SWEEP_MS) {
      this.#sweptAtMs = nowMs;
      const { successRateDeviations: deviations, minAttempts } = this.#fleet.settings.ejection;
      ejectOutliers(this.#endpoints.values(), { deviations, minAttempts }, nowMs);
    }
    this.#dueAtMs = dueAtMs;
  }

  /** How many endpoints are in each state, of those in use and those that drain. */
  countStates(): Record<EndpointState, number> {
    this.advance(this.#clock.monotonic());
    const counts = Object.fromEntries(ENDPOINT_STATES.map((state) => [state, 0])) as Record<
      EndpointState,
      number
    >;
    for (const endpoint of this.#endpoints.values()) counts[endpoint.machine.state]++;
    counts.draining += this.#draining.filter((endpoint) => endpoint.inFlight > 0).length;
    return counts;
  }

  /** Endpoints that are gone but for attempts in flight. */
  get draining(): readonly Endpoint[] {
    return this.#draining.filter((endpoint) => endpoint.inFlight > 0);
  }

  /** How many endpoints a call may go to now, of how many that discovery knows. */
  standing(): Standing {
    const { usable, isPanic } = this.#currentPool(this.#clock.monotonic());
    return { usable: usable.length, isPanic, known: this.#infos.length };
  }

  recentPicks(): PickRecord[] {
    return this.#log.recent(this.#clock.monotonic());
  }

  /** Newest first. */
  recentTransitions(): readonly Transition[] {
    return this.#transitions.toReversed();
  }

  /** Calls `listener` at each transition until the function returned is called. */
  onTransition(listener: (transition: Transition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
    this.update([]);
  }

  #apply(): EndpointChanges {
    const known = new Map(this.#infos.map((info) => [keyOf(info), info]));
    const { subsetSize: size, preferZone } = this.#fleet.settings;
    const isNear = preferZone ? ({ zone }: EndpointInfo) => zone === this.#zone : undefined;
    this.#order =
      size === 0 || known.size <= size
        ? [...known]
        : orderOf(known, { size, callerId: this.#callerId, isNear });
    return this.#take(this.#clock.monotonic());
  }

  /** The first of the order, and as many more as make up for those that cannot be connected. */
  #wanted(): ReadonlyMap<string, EndpointInfo> {
    const size = this.#fleet.settings.subsetSize;
    const order = this.#order;
    if (size === 0 || order.length <= size) return new Map(order);
    let alive = 0;
    let taken = 0;
    for (const [key] of order.slice(0, MOST_SUBSETS * size)) {
      if (taken >= size && alive >= LEAST_ALIVE * size) break;
      if (this.#endpoints.get(key)?.link !== "backoff") alive++;
      taken++;
    }
    return new Map(order.slice(0, taken));
  }

  #take(nowMs: number): EndpointChanges {
    const wanted = this.#wanted();
    const removed = [...this.#endpoints].filter(([key]) => !wanted.has(key));
    const added: Endpoint[] = [];
    for (const [key, info] of wanted) {
      const endpoint = this.#endpoints.get(key);
      if (endpoint) {
        endpoint.info = info;
        endpoint.machine.warned(info.health === "warning", nowMs);
      } else {
        const found = new Endpoint(info, this.#fleet, nowMs);
        this.#endpoints.set(key, found);
        added.push(found);
      }
    }
    for (const [key, endpoint] of removed) {
      this.#endpoints.delete(key);
      endpoint.leave(nowMs);
      if (endpoint.inFlight > 0) this.#draining.push(endpoint);
    }
    this.#forgetPools();
    this.#ring = undefined;
    return { added, removed: removed.map(([, endpoint]) => endpoint) };
  }

  #currentPool(nowMs: number): Pool {
    this.#pool ??= this.#newPool(this.endpoints, nowMs);
    return this.#pool;
  }

  #versionPool(version: string, nowMs: number): Pool {
    let pool = this.#versions.get(version);
    if (!pool) {
      const isOf = ({ info }: Endpoint) => info.version === version;
      pool = this.#newPool(this.endpoints.filter(isOf), nowMs, {
        version,
        others: this.endpoints.filter((one) => !isOf(one)),
      });
      this.#versions.set(version, pool);
    }
    return pool;
  }

  #newPool(endpoints: readonly Endpoint[], nowMs: number, only?: PoolParts["only"]): Pool {
    const ring = () => {
      this.#ring ??= new Ring(this.endpoints);
      return this.#ring;
    };
    return new Pool({ endpoints, only, fleet: this.#fleet, zone: this.#zone, ring, nowMs });
  }

  #forgetPools(): void {
    this.#pool = undefined;
    if (this.#versions.size > 0) this.#versions.clear();
  }

  #anyWarms(): boolean {
    for (const { machine } of this.#endpoints.values()) if (machine.state === "warming") return true;
    return false;
  }

  #mayEject(): boolean {
    let ejected = 0;
    for (const { machine } of this.#endpoints.values()) if (machine.state === "ejected") ejected++;
    return ejected < Math.max(1, Math.floor(this.#fleet.settings.ejection.maxShare * this.#endpoints.size));
  }

  #onTransition(endpoint: Endpoint, transition: Transition): void {
    this.#forgetPools();
    this.#dueAtMs = Math.min(this.#dueAtMs, endpoint.machine.dueAtMs);
    this.#transitions.push(transition);
    if (this.#transitions.length > TRANSITIONS_KEPT) this.#transitions.shift();
    for (const listener of this.#listeners) listener(transition);
  }
}

/** The same id at another address is another process. */
function keyOf(info: EndpointInfo): string {
  return `${info.id} ${info.host}:${info.port}`;
}
