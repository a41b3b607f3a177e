import { fail, type Latest } from "@antiphon/mesh";
import type { ConductorService, Instance } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { type PolicyDeps, policyCalls } from "./policies.ts";

export interface ConductorDeps extends PolicyDeps {
  readonly instances: Latest<readonly Instance[]>;
  /** Ends the streams. */
  readonly signal: AbortSignal;
}

export function conductorService(deps: ConductorDeps): ServiceImpl<typeof ConductorService> {
  const { instances, signal } = deps;
  return {
    ...policyCalls(deps),

    listInstances({ service }) {
      const all = instances.value;
      if (!all) throw fail(Code.Unavailable, "Consul has not told the instances yet, try again");
      return { instances: all.filter((instance) => service === "" || instance.service === service) };
    },

    async *watchInstances(_request, context) {
      const either = AbortSignal.any([context.signal, signal]);
      for await (const all of instances.watch(either)) yield { instances: [...all] };
    },
  };
}
