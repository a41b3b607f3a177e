import type { Logger, ReflectedContracts } from "@antiphon/mesh";
import { Counter, Gauge, type Registry } from "prom-client";
import { type Offer, readOffer } from "./contracts/offer.ts";
import type { Route } from "./contracts/routes.ts";
import type { Answer } from "./edge.ts";

/** The calls of all services by their path, replaced while requests run. */
export interface CallTable {
  /** A request that has found its call keeps it whatever happens to the table. */
  get(path: string): Answer | undefined;
  /** Whether the call of a path takes a stream of messages. */
  takesStream(path: string): boolean;
  /**
   * Takes what a service tells of itself, or with `undefined` that it has gone. What is refused is logged,
   * and the last good routes stay; those that the gateway was built with stay for good.
   */
  offer(service: string, contracts: ReflectedContracts | undefined): void;
}

interface Deps {
  readonly built: readonly Offer[];
  /** Makes the calls of an offer; at most once for each. */
  readonly compile: (offer: Offer) => ReadonlyMap<string, Answer>;
  readonly metrics: Registry;
  readonly log: Logger;
}

interface Taken {
  readonly offer: Offer;
  readonly calls: ReadonlyMap<string, Answer>;
}

export function callTable({ built, compile, metrics, log }: Deps): CallTable {
  const offers = new Counter({
    name: "gateway_contracts_total",
    help: "Contracts that services told, by whether they were taken.",
    labelNames: ["service", "result"],
    registers: [metrics],
  });
  new Gauge({
    name: "gateway_routes",
    help: "Calls that can be reached, by service.",
    labelNames: ["service"],
    registers: [metrics],
    collect() {
      this.reset();
      for (const [service, { calls }] of taken) this.set({ service }, calls.size);
    },
  });

  const take = (offer: Offer): Taken => ({ offer, calls: compile(offer) });
  const initially = new Map(built.map((offer) => [offer.service, take(offer)]));
  const taken = new Map(initially);
  const merge = () => ({
    calls: new Map([...taken.values()].flatMap(({ calls }) => [...calls])),
    streams: new Set(
      [...taken.values()].flatMap(({ offer }) => offer.routes.filter(takesStream).map(pathOf)),
    ),
  });
  let current = merge();

  const leave = (service: string) => {
    const first = initially.get(service);
    if (first) taken.set(service, first);
    else taken.delete(service);
    log.info({ target: service }, "a service has gone, with the routes that it brought");
  };
  const enter = (service: string, contracts: ReflectedContracts) => {
    const others = [...taken.values()].map(({ offer }) => offer).filter((offer) => offer.service !== service);
    const own = initially.get(service)?.offer;
    try {
      const entry = take(readOffer(service, contracts, others, own));
      taken.set(service, entry);
      offers.inc({ service, result: "taken" });
      log.info({ target: service, routes: entry.calls.size }, "routes taken from a service");
    } catch (error) {
      offers.inc({ service, result: "refused" });
      const reason = error instanceof Error ? error.message : String(error);
      log.error({ target: service, reason }, "contracts refused, the last good routes stay");
    }
  };
  return {
    get: (path) => current.calls.get(path),
    takesStream: (path) => current.streams.has(path),
    offer(service, contracts) {
      if (contracts) enter(service, contracts);
      else leave(service);
      current = merge();
    },
  };
}

function takesStream({ method: { methodKind } }: Route): boolean {
  return methodKind === "client_streaming" || methodKind === "bidi_streaming";
}

function pathOf({ method }: Route): string {
  return `/${method.parent.typeName}/${method.name}`;
}
