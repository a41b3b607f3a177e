import type { EndpointInfo, Watch } from "./discovery.ts";

export type EndpointListener = (endpoints: readonly EndpointInfo[]) => void;

/**
 * The latest endpoints of one service and who wants to know of them. The same set is published once,
 * in an order that does not depend on the source's. A listener must not throw.
 */
export class EndpointFeed {
  readonly #listeners = new Set<EndpointListener>();
  #latest: readonly EndpointInfo[] | undefined;
  #fingerprint = "";

  /** Undefined until the first `publish`. */
  get latest(): readonly EndpointInfo[] | undefined {
    return this.#latest;
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  publish(endpoints: readonly EndpointInfo[]): void {
    const sorted = endpoints.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const fingerprint = JSON.stringify(
      sorted.map(({ id, host, port, version, zone, weight, health, contract }) => [
        id,
        host,
        port,
        version,
        zone,
        weight,
        health,
        contract,
      ]),
    );
    if (fingerprint === this.#fingerprint) return;
    this.#latest = sorted;
    this.#fingerprint = fingerprint;
    for (const listener of [...this.#listeners]) listener(sorted);
  }

  /** Never calls `onEndpoints` before it returns: what is known already follows in a microtask. */
  subscribe(onEndpoints: EndpointListener): Watch {
    let closed = false;
    let told: readonly EndpointInfo[] | undefined;
    const listener: EndpointListener = (endpoints) => {
      if (closed || endpoints === told) return;
      told = endpoints;
      onEndpoints(endpoints);
    };
    this.#listeners.add(listener);
    queueMicrotask(() => {
      if (this.#latest !== undefined) listener(this.#latest);
    });
    return {
      close: () => {
        closed = true;
        this.#listeners.delete(listener);
      },
    };
  }
}
