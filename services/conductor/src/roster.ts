import { Latest, type Logger } from "@antiphon/mesh";
import type { Instance } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { followConsul } from "./consul-query.ts";
import { meshInstances, serviceNames } from "./instances.ts";

export interface RosterDeps {
  readonly consulUrl: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Every instance of the mesh, by service and id, as Consul tells it. While Consul is away, and when one that
 * has forgotten everything answers, the last list stays.
 */
export class Roster {
  /** The whole list; set again at each change. */
  readonly instances = new Latest<readonly Instance[]>();
  readonly #deps: RosterDeps;
  readonly #services = new Map<
    string,
    { readonly stop: AbortController; instances: readonly Instance[] | undefined }
  >();

  constructor(deps: RosterDeps) {
    this.#deps = deps;
  }

  /** Resolves when the signal has aborted. */
  run(): Promise<void> {
    const { consulUrl, log, signal } = this.#deps;
    return followConsul({ consulUrl, path: "/v1/catalog/services", log, signal }, (answer) =>
      this.#follow(serviceNames(answer)),
    );
  }

  #follow(names: readonly string[]): void {
    const { consulUrl, log, signal } = this.#deps;
    for (const [name, { stop }] of this.#services) {
      if (names.includes(name)) continue;
      stop.abort();
      this.#services.delete(name);
    }
    for (const name of names) {
      if (this.#services.has(name)) continue;
      const stop = new AbortController();
      const service = { stop, instances: undefined as readonly Instance[] | undefined };
      this.#services.set(name, service);
      const path = `/v1/health/service/${encodeURIComponent(name)}`;
      void followConsul(
        { consulUrl, path, log, signal: AbortSignal.any([signal, stop.signal]) },
        (answer) => {
          service.instances = meshInstances(answer);
          this.#publish();
        },
      );
    }
    this.#publish();
  }

  #publish(): void {
    const known = [...this.#services.values()].map(({ instances }) => instances);
    // Half a list is worse than the one before: who reads it would take the rest for gone.
    if (known.includes(undefined)) return;
    const instances = known.flatMap((some) => some ?? []).sort(byServiceAndId);
    if (instances.length === 0 && (this.instances.value ?? []).length > 0) return;
    this.instances.set(instances);
  }
}

function byServiceAndId(a: Instance, b: Instance): number {
  return a.service === b.service ? (a.id < b.id ? -1 : 1) : a.service < b.service ? -1 : 1;
}
