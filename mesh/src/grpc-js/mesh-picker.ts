import { experimental, type Metadata } from "@grpc/grpc-js";
import type { Balancer } from "../balance/balancer.ts";
import type { Endpoint, Ticket } from "../balance/endpoint.ts";
import { fateOf } from "../resilience/load-headers.ts";
import { verdictOf } from "../resilience/verdict.ts";

/** A pick that grpc-js has not started by then was picked again, silently. */
const RESERVATION_MS = 1_000;

interface Reservation {
  readonly endpoint: Endpoint;
  readonly atMs: number;
  readonly ticket: Ticket;
  state: "picked" | "started" | "ended";
}

/**
 * Asks the balancer, counts the attempt in at once, and reports how it ended. grpc-js tells of a call's
 * start only after a microtask, so that counting then would send a whole burst to one endpoint; and it does
 * not tell when it picks anew, so that what it never starts expires.
 */
export class MeshPicker implements experimental.Picker {
  readonly #balancer: Balancer;
  readonly #leafOf: (endpoint: Endpoint) => experimental.LeafLoadBalancer | undefined;
  readonly #reservations: Reservation[] = [];
  /** Attempts of one call share the options object of their metadata. */
  readonly #tried = new WeakMap<object, Endpoint[]>();

  constructor(balancer: Balancer, leafOf: (endpoint: Endpoint) => experimental.LeafLoadBalancer | undefined) {
    this.#balancer = balancer;
    this.#leafOf = leafOf;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const nowMs = performance.now();
    this.#expire(nowMs);
    const tried = this.#triedBy(args.metadata);
    const endpoint = this.#balancer.pick(nowMs, tried, this.#keyOf(args.metadata));
    const result = endpoint && this.#leafOf(endpoint)?.getPicker().pick(args);
    if (!result) return QUEUE;
    if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
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
        this.#end(reservation, fateOf(status, trailer).blame ? verdictOf(status) : "neutral");
        result.onCallEnded?.(code, details, metadata);
      },
    };
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
    const { hash } = this.#balancer;
    return hash?.kind === "header" ? metadata.get(hash.name)[0]?.toString() : undefined;
  }

  #triedBy(metadata: Metadata): Endpoint[] {
    const options = metadata.getOptions();
    const known = this.#tried.get(options);
    // Without this header it is a first attempt, of a caller that uses its metadata again.
    if (known && metadata.get("grpc-previous-rpc-attempts").length > 0) return known;
    const tried: Endpoint[] = [];
    this.#tried.set(options, tried);
    return tried;
  }
}

const QUEUE: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};
