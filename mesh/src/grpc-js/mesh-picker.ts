import { experimental, type Metadata } from "@grpc/grpc-js";
import type { Balancer } from "../balance/balancer.ts";
import type { Endpoint, Ticket } from "../balance/endpoint.ts";
import { fateOf } from "../resilience/load-headers.ts";
import { type Verdict, verdictOf } from "../resilience/verdict.ts";
import type { ClientMetrics } from "../telemetry/client-metrics.ts";
import type { FollowedService } from "./followed-service.ts";

/** A pick that grpc-js has not started by then was picked again, silently. */
const RESERVATION_MS = 1_000;

export interface PickerParts {
  readonly balancer: Balancer;
  readonly leafOf: (endpoint: Endpoint) => experimental.LeafLoadBalancer | undefined;
  readonly metrics: ClientMetrics | undefined;
}

type Status = NonNullable<experimental.PickResult["status"]>;

const LAST = Symbol("last attempt");

/** What the config selector says of a call: one object for all of its picks. */
interface PickInformation {
  readonly [name: string]: string;
  [LAST]?: PickedAttempt;
}

/** An attempt that was picked, as grpc-js is handed it; it is told when the attempt starts and how it ends. */
class PickedAttempt implements experimental.PickResult {
  readonly pickResultType = experimental.PickResultType.COMPLETE;
  readonly status = null;
  readonly subchannel: experimental.PickResult["subchannel"];
  readonly atMs: number;
  /** Where this call has been sent, this attempt included. */
  readonly tried: readonly Endpoint[];
  state: "picked" | "started" | "ended" = "picked";
  /** How it ended. */
  outcome: Status | null = null;
  readonly #endpoint: Endpoint;
  readonly #ticket: Ticket;

  constructor(
    { subchannel }: experimental.PickResult,
    endpoint: Endpoint,
    atMs: number,
    before: PickedAttempt | undefined,
  ) {
    this.subchannel = subchannel;
    this.atMs = atMs;
    this.tried = before ? [...before.tried, endpoint] : [endpoint];
    this.#endpoint = endpoint;
    this.#ticket = endpoint.begin(atMs);
  }

  onCallStarted(): void {
    if (this.state === "picked") this.state = "started";
  }

  /** Not a method: grpc-js calls it by itself. */
  readonly onCallEnded: NonNullable<experimental.PickResult["onCallEnded"]> = (code, details, metadata) => {
    const nowMs = performance.now();
    const status = Number(code);
    const trailer = metadata.getMap();
    this.outcome = { code, details, metadata };
    this.#endpoint.load.hear(trailer, nowMs);
    this.end(fateOf(status, trailer).blame ? verdictOf(status) : "neutral", nowMs);
  };

  end(verdict: Verdict, nowMs: number): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#endpoint.end(verdict, nowMs - this.atMs, nowMs, this.#ticket);
  }
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
  /** Oldest first, without those at the beginning that have started. */
  readonly #picked: PickedAttempt[] = [];

  constructor(parts: PickerParts) {
    this.#parts = parts;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const nowMs = performance.now();
    const { balancer, leafOf } = this.#parts;
    const call: PickInformation = args.extraPickInfo;
    const { path, version, [LAST]: before } = call;
    this.#expire(nowMs);
    const endpoint = balancer.pick(nowMs, before?.tried, this.#keyOf(args.metadata), version, path);
    const result = endpoint && leafOf(endpoint)?.getPicker().pick(args);
    if (!result) return QUEUE;
    if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
    const failure = before?.outcome;
    if (!this.#mayBeSent(failure, path, nowMs)) return { ...DROP, status: failure ?? null };
    const attempt = new PickedAttempt(result, endpoint, nowMs, before);
    call[LAST] = attempt;
    this.#picked.push(attempt);
    return attempt;
  }

  /** Where the budget is used up, a call ends as its last attempt did: grpc-js would send it again regardless. */
  #mayBeSent(failure: Status | null | undefined, path: string | undefined, nowMs: number): boolean {
    if (!this.service) return true;
    const { budget } = this.service;
    if (!failure) {
      budget.deposit(nowMs);
      return true;
    }
    if (!budget.withdraw(nowMs)) return false;
    const plan = path === undefined ? undefined : this.service.planOf(path);
    if (plan) this.#parts.metrics?.retriesOf(plan, this.service.name)("budget");
    return true;
  }

  #expire(nowMs: number): void {
    const picked = this.#picked;
    for (let oldest = picked[0]; oldest; oldest = picked[0]) {
      if (oldest.state === "picked") {
        if (nowMs - oldest.atMs < RESERVATION_MS) return;
        oldest.end("neutral", nowMs);
      }
      picked.shift();
    }
  }

  /** For `ring_hash` by a header; a request's fields are not told to pickers. */
  #keyOf(metadata: Metadata): string | undefined {
    const { hash } = this.#parts.balancer;
    return hash?.kind === "header" ? metadata.get(hash.name)[0]?.toString() : undefined;
  }
}

const QUEUE: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};

const DROP = { ...QUEUE, pickResultType: experimental.PickResultType.DROP };
