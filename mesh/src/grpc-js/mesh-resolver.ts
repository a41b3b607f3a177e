import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import type { Discovery, EndpointInfo, Watch } from "../discovery/discovery.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import { toGrpcEndpoint } from "./endpoints.ts";
import { FollowedService } from "./followed-service.ts";
import { POLICY_NAME } from "./mesh-policy.ts";

/** What stock grpc-js leaves off, or waits two minutes for. Only where the channel does not say otherwise. */
const CHANNEL_DEFAULTS = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
};

/**
 * A resolver class for `consul:///<service>`. It speaks only when discovery or the policy does: an empty or
 * failed answer of Consul never reaches a channel that works.
 */
export function meshResolver(discovery: Discovery, policies: PolicySource | undefined) {
  const services = new Map<string, FollowedService>();
  const serviceOf = (name: string) => {
    const service = services.get(name) ?? new FollowedService(name);
    services.set(name, service);
    return service;
  };

  return class MeshResolver implements experimental.Resolver {
    readonly #service: FollowedService;
    readonly #listener: experimental.ResolverListener;
    readonly #attributes: Record<string, unknown>;
    /** One object for all updates, as all that grpc-js compares by identity. */
    readonly #serviceConfig: Parameters<experimental.ResolverListener>[2];
    #watches: readonly Watch[] | undefined;
    #endpoints: experimental.Endpoint[] | undefined;
    #isSteered = policies === undefined;
    #wanted = false;

    constructor(
      target: experimental.GrpcUri,
      listener: experimental.ResolverListener,
      channelOptions: ChannelOptions,
    ) {
      this.#service = serviceOf(target.path.replace(/^\//, ""));
      this.#listener = listener;
      const defaults = Object.entries(CHANNEL_DEFAULTS).filter(
        ([name]) => channelOptions[name] === undefined,
      );
      this.#attributes = {
        ...Object.fromEntries(defaults),
        [experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: this.#service,
      };
      this.#serviceConfig = {
        ok: true,
        value: { loadBalancingConfig: [{ [POLICY_NAME]: { service: this.#service } }], methodConfig: [] },
      };
    }

    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return target.path.replace(/^\//, "");
    }

    updateResolution(): void {
      // grpc-js must not be told from within this call.
      this.#wanted = true;
      if (!this.#watches) queueMicrotask(() => this.#start());
    }

    /** Also when the channel goes idle; `updateResolution` starts it again. */
    destroy(): void {
      this.#wanted = false;
      for (const watch of this.#watches ?? []) watch.close();
      this.#watches = undefined;
    }

    #start(): void {
      if (!this.#wanted || this.#watches) return;
      const { name } = this.#service;
      const endpoints = discovery.watch(name, (infos) => this.#found(infos));
      const policy = policies?.watch(name, (state) => {
        this.#service.steer(state);
        this.#isSteered = true;
        this.#tell();
      });
      this.#watches = policy ? [endpoints, policy] : [endpoints];
    }

    #found(infos: readonly EndpointInfo[]): void {
      this.#endpoints = infos.map(toGrpcEndpoint);
      this.#tell();
    }

    /** The first call waits for the policy as well. */
    #tell(): void {
      if (!this.#endpoints || !this.#isSteered) return;
      this.#listener({ ok: true, value: this.#endpoints }, this.#attributes, this.#serviceConfig, "");
    }
  };
}
