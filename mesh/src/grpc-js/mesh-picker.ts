import { experimental, type Metadata } from "@grpc/grpc-js";
import type { Balancer } from "../balance/balancer.ts";
import type { Endpoint, Ticket } from "../balance/endpoint.ts";
import { fateOf } from "../resilience/load-headers.ts";
import { verdictOf } from "../resilience/verdict.ts";
import type { ClientMetrics } from "../telemetry/client-metrics.ts";
import type { FollowedService } from "./followed-service.ts";

/** A pick that grpc-js has not started by then was picked again, silently. */
const RESERVATION_MS = 1_000;

interface Reservation {
  readonly endpoint: Endpoint;
  readonly atMs: number;
  readonly ticket: Ticket;
  state: "picked" | "started" | "ended";
}

export interface PickerParts {
  readonly balancer: Balancer;
  readonly leafOf: (endpoint: Endpoint) => experimental.LeafLoadBalancer | undefined;
  readonly metrics: ClientMetrics | undefined;
}

/** What came of the attempts of one call so far. */
interface Attempts {
  readonly tried: Endpoint[];
  last: experimental.PickResult["status"];
}

/**
 * Asks the balancer, counts the attempt in at once, and reports how it ended. grpc-js tells of a call's
 * start only after a microtask, so that counting then would send a whole burst to one endpoint; and it does
 * not tell when it picks anew, so that what it never starts expires.
 */
export class MeshPicker implements experimental.Picker {
  /** Whose policy and budget hold; set before the first pick where it is known. */
  service: FollowedService | undefined;
  readonly #parts: PickerParts;
  readonly #reservations: Reservation[] = [];
  /** Attempts of one call share the options object of their metadata. */
  readonly #attempts = new WeakMap<object, Attempts>();

  constructor(parts: PickerParts) {
    this.#parts = parts;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const nowMs = performance.now();
    const { balancer, leafOf } = this.#parts;
    const { path, version } = args.extraPickInfo;
    this.#expire(nowMs);
    const attempts = this.#attemptsOf(args.metadata);
    const { tried } = attempts;
    const endpoint = balancer.pick(nowMs, tried, this.#keyOf(args.metadata), version, path);
    const result = endpoint && leafOf(endpoint)?.getPicker().pick(args);
    if (!result) return QUEUE;
    if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
    if (!this.#mayBeSent(attempts, path, nowMs)) {
      return { ...QUEUE, pickResultType: experimental.PickResultType.DROP, status: attempts.last };
    }
    tried.push(endpoint);
    const reservation = this.#reserve(endpoint, nowMs);
    return {
      ...result,
      onCallStarted: () => {
        if (reservation.state === "picked") reservation.state = "started";
        result.onCallStarted?.();
      },
      onCallEnded: (code, details, metadata) => {
        const trailer = metadata.getMap();
        endpoint.load.hear(trailer, performance.now());
        const status = Number(code);
        attempts.last = { code: status, details, metadata };
        this.#end(reservation, fateOf(status, trailer).blame ? verdictOf(status) : "neutral");
        result.onCallEnded?.(code, details, metadata);
      },
    };
  }

  /** Where the budget is used up, a call ends as its last attempt did: grpc-js would send it again regardless. */
  #mayBeSent({ last }: Attempts, path: string | undefined, nowMs: number): boolean {
    if (!this.service) return true;
    const { budget } = this.service;
    if (!last) {
      budget.deposit(nowMs);
      return true;
    }
    if (!budget.withdraw(nowMs)) return false;
    const plan = path === undefined ? undefined : this.service.planOf(path);
    if (plan) this.#parts.metrics?.retriesOf(plan, this.service.name)("budget");
    return true;
  }

  #reserve(endpoint: Endpoint, atMs: number): Reservation {
    const reservation: Reservation = { endpoint, atMs, ticket: endpoint.begin(atMs), state: "picked" };
    this.#reservations.push(reservation);
    return reservation;
  }

  #end(reservation: Reservation, verdict: ReturnType<typeof verdictOf>): void {
    if (reservation.state === "ended") return;
    reservation.state = "ended";
    const nowMs = performance.now();
    reservation.endpoint.end(verdict, nowMs - reservation.atMs, nowMs, reservation.ticket);
  }

  #expire(nowMs: number): void {
    const reservations = this.#reservations;
    while (reservations.length > 0) {
      const [oldest] = reservations;
      if (oldest!.state === "picked") {
        if (nowMs - oldest!.atMs < RESERVATION_MS) return;
        this.#end(oldest!, "neutral");
      }
      reservations.shift();
    }
  }

  /** For `ring_hash` by a header; a request's fields are not told to pickers. */
  #keyOf(metadata: Metadata): string | undefined {
    const { hash } = this.#parts.balancer;
    return hash?.kind === "header" ? metadata.get(hash.name)[0]?.toString() : undefined;
  }

  #attemptsOf(metadata: Metadata): Attempts {
    const options = metadata.getOptions();
    const known = this.#attempts.get(options);
    // Without this header it is a first attempt, of a caller that uses its metadata again.
    if (known && metadata.get("grpc-previous-rpc-attempts").length > 0) return known;
    const attempts: Attempts = { tried: [], last: null };
    this.#attempts.set(options, attempts);
    return attempts;
  }
}

const QUEUE: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};
