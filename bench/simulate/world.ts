import type { EndpointInfo } from "@antiphon/mesh";
import {
  type BalanceOverrides,
  Balancer,
  type Endpoint,
  subsetOf,
  type Transition,
} from "@antiphon/mesh/balance";
import { EventQueue } from "./event-queue.ts";

/** A virtual server: so many calls at a time, others wait in line. */
export class VirtualServer {
  /** Mean of an exponential distribution on top of half of it. */
  meanMs = 5;
  /** In [0, 1]. */
  failureRate = 0;
  readonly workers: number;
  calls = 0;
  #busyUntilMs: number[];

  constructor(workers = 16) {
    this.workers = workers;
    this.#busyUntilMs = new Array<number>(workers).fill(0);
  }

  /** When a call that arrives now is answered. */
  serve(nowMs: number, random: () => number): number {
    this.calls++;
    let worker = 0;
    for (let index = 1; index < this.workers; index++) {
      if (this.#busyUntilMs[index]! < this.#busyUntilMs[worker]!) worker = index;
    }
    const tookMs = this.meanMs * (0.5 - 0.5 * Math.log(1 - random()));
    const doneAtMs = Math.max(nowMs, this.#busyUntilMs[worker]!) + tookMs;
    this.#busyUntilMs[worker] = doneAtMs;
    return doneAtMs;
  }
}

export interface CallerOptions {
  readonly settings: BalanceOverrides;
  readonly deadlineMs?: number;
  /** Whether the time in which it stood still is held against nobody. Default true. */
  readonly knowsItsLag?: boolean;
  /** It hears of so many servers only, those of its subset: what it knows of the others would fill the memory. */
  readonly knows?: number;
}

/** A virtual caller with the real balancer; it can stand still. */
export class VirtualCaller {
  readonly balancer: Balancer;
  readonly latenciesMs: number[] = [];
  readonly transitions: Transition[] = [];
  failed = 0;
  unsent = 0;
  readonly #world: World;
  readonly #id: string;
  readonly #deadlineMs: number;
  readonly #servers = new Map<Endpoint, VirtualServer>();
  #stalledUntilMs = 0;
  #stalledMs = 0;

  constructor(world: World, id: number, options: CallerOptions) {
    this.#world = world;
    this.#id = `caller-${id}`;
    this.#deadlineMs = options.deadlineMs ?? 1_000;
    const knows = options.knowsItsLag ?? true;
    this.balancer = new Balancer({
      clock: world,
      settings: options.settings,
      callerId: this.#id,
      random: world.random,
      lag: { stalledMs: () => (knows ? this.#stalledMs : 0) },
      onTransition: (transition) => this.transitions.push(transition),
    });
    this.discover(options.knows);
  }

  /** Takes in which servers there are; connecting takes no time. */
  discover(knows = 0): void {
    const known = subsetOf(this.#world.infos(), knows, this.#id);
    const { added } = this.balancer.update([...known.values()]);
    for (const endpoint of added) {
      this.#servers.set(endpoint, this.#world.servers[endpoint.info.port - 1]!);
      this.balancer.setLink(endpoint, "ready");
    }
  }

  /** Its event loop turns again after so long. */
  stall(forMs: number): void {
    this.#stalledUntilMs = this.#world.monotonic() + forMs;
    this.#world.at(this.#stalledUntilMs, () => {
      this.#stalledMs += forMs;
    });
  }

  call(): void {
    const startedAtMs = this.#world.monotonic();
    const endpoint = this.balancer.pick(startedAtMs);
    if (!endpoint) {
      this.unsent++;
      return;
    }
    const server = this.#servers.get(endpoint)!;
    const ticket = endpoint.begin(startedAtMs);
    const answeredAtMs = server.serve(startedAtMs, this.#world.random);
    const fails = this.#world.random() < server.failureRate;
    const deadlineAtMs = startedAtMs + this.#deadlineMs;
    // Timers run first in a turn of the event loop: what a stall delayed past the deadline has missed it.
    const wouldEndAtMs = Math.min(answeredAtMs, deadlineAtMs);
    const end = () => {
      const nowMs = this.#world.monotonic();
      if (nowMs < this.#stalledUntilMs) {
        this.#world.at(this.#stalledUntilMs, end);
        return;
      }
      const failed = fails || nowMs >= deadlineAtMs;
      endpoint.end(failed ? "failure" : "success", nowMs - startedAtMs, nowMs, ticket);
      this.latenciesMs.push(nowMs - startedAtMs);
      if (failed) {
        this.failed++;
        this.#world.settles = true;
      }
    };
    this.#world.at(wouldEndAtMs, end);
  }

  close(): void {
    this.balancer.close();
  }
}

/** Virtual time, and who lives in it. Runs the same way each time. */
export class World {
  readonly servers: VirtualServer[];
  readonly random: () => number;
  /** opossum hears of a failure in microtasks: they run before time goes on. */
  settles = false;
  readonly #queue = new EventQueue();
  #infos: ReadonlyMap<string, EndpointInfo> | undefined;
  #nowMs = 0;

  constructor(servers: number, seed = 1) {
    this.servers = Array.from({ length: servers }, () => new VirtualServer());
    this.random = lehmer(seed);
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  infos(): ReadonlyMap<string, EndpointInfo> {
    this.#infos ??= new Map(this.servers.map((_, index) => [`server-${index}`, infoOf(index)]));
    return this.#infos;
  }

  at(atMs: number, action: () => void): void {
    this.#queue.add(atMs, action);
  }

  /** Calls `action` about so many times a second, at random moments, until `untilMs`. */
  often(perSecond: number, untilMs: number, action: () => void): void {
    const next = () => {
      const atMs = this.#nowMs - (Math.log(1 - this.random()) * 1_000) / perSecond;
      if (atMs >= untilMs) return;
      this.at(atMs, () => {
        action();
        next();
      });
    };
    next();
  }

  async run(untilMs: number): Promise<void> {
    while (this.#queue.nextAtMs <= untilMs) {
      this.#nowMs = this.#queue.nextAtMs;
      this.#queue.take()();
      if (!this.settles) continue;
      this.settles = false;
      for (let turn = 0; turn < 8; turn++) await undefined;
    }
    this.#nowMs = untilMs;
  }
}

/** Lehmer's generator of numbers in (0, 1): the same seed makes the same ones. */
export function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function infoOf(index: number): EndpointInfo {
  return { id: `server-${index}`, host: "10.0.0.1", port: index + 1, version: "1", zone: "a", weight: 1 };
}
