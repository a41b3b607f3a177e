import type { ChannelOptions, experimental } from "@grpc/grpc-js";
import type { Discovery, Watch } from "../discovery/discovery.ts";
import { toGrpcEndpoint } from "./endpoints.ts";
import { POLICY_NAME } from "./mesh-policy.ts";

/** One object for all updates: grpc-js compares by identity what it is handed. */
const SERVICE_CONFIG = {
  ok: true as const,
  value: { loadBalancingConfig: [{ [POLICY_NAME]: {} }], methodConfig: [] },
};

/** What stock grpc-js leaves off, or waits two minutes for. Only where the channel does not say otherwise. */
const CHANNEL_DEFAULTS = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
};

/**
 * A resolver class for `consul:///<service>`. It speaks only when discovery does: an empty or failed answer
 * of Consul never reaches a channel that works.
 */
export function meshResolver(discovery: Discovery) {
  return class MeshResolver implements experimental.Resolver {
    readonly #service: string;
    readonly #listener: experimental.ResolverListener;
    readonly #attributes: Readonly<Record<string, number>>;
    #watch: Watch | undefined;
    #wanted = false;

    constructor(
      target: experimental.GrpcUri,
      listener: experimental.ResolverListener,
      channelOptions: ChannelOptions,
    ) {
      this.#service = target.path.replace(/^\//, "");
      this.#listener = listener;
      this.#attributes = Object.fromEntries(
        Object.entries(CHANNEL_DEFAULTS).filter(([name]) => channelOptions[name] === undefined),
      );
    }

    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return target.path.replace(/^\//, "");
    }

    updateResolution(): void {
      // grpc-js must not be told from within this call.
      this.#wanted = true;
      if (!this.#watch) queueMicrotask(() => this.#start());
    }

    /** Also when the channel goes idle; `updateResolution` starts it again. */
    destroy(): void {
      this.#wanted = false;
      this.#watch?.close();
      this.#watch = undefined;
    }

    #start(): void {
      if (!this.#wanted) return;
      this.#watch ??= discovery.watch(this.#service, (infos) => {
        const endpoints = { ok: true as const, value: infos.map(toGrpcEndpoint) };
        this.#listener(endpoints, this.#attributes, SERVICE_CONFIG, "");
      });
    }
  };
}
