import type { TrafficPolicy } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { type ChannelOptions, connectivityState, experimental } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { Balancer, type EndpointChanges } from "../balance/balancer.ts";
import type { Endpoint, LinkState } from "../balance/endpoint.ts";
import { rounded } from "../balance/pick-log.ts";
import type { BalanceOverrides } from "../balance/settings.ts";
import { snapshotOf } from "../balance/snapshot.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import { balanceOf } from "../policy/balance-policy.ts";
import { shownPolicy } from "../policy/policy-source.ts";
import { clientMetrics, type FollowedTarget } from "../telemetry/client-metrics.ts";
import { showTarget, type TargetSnapshot } from "../telemetry/debug-targets.ts";
import { logTransition } from "../telemetry/transition-log.ts";
import { infoOf } from "./endpoints.ts";
import { FollowedService } from "./followed-service.ts";
import { MeshPicker } from "./mesh-picker.ts";

export const POLICY_NAME = "antiphon_p2c";

/** grpc-js has no limit of its own for a peer that accepts and never speaks HTTP/2. */
const HANDSHAKE_TIMEOUT_MS = 4_000;

export class MeshPolicyConfig implements experimental.TypedLoadBalancingConfig {
  /** Undefined where somebody names the policy in a service config of their own. */
  readonly service: FollowedService | undefined;

  constructor(service: FollowedService | undefined) {
    this.service = service;
  }

  static createFromJson({ service }: { service?: unknown }): MeshPolicyConfig {
    return new MeshPolicyConfig(service instanceof FollowedService ? service : undefined);
  }

  getLoadBalancerName(): string {
    return POLICY_NAME;
  }

  toJsonObject(): object {
    return { [POLICY_NAME]: {} };
  }
}

export interface MeshPolicyOptions {
  /** Hears of every change of an endpoint's state. */
  readonly log?: Logger;
  /** Where endpoints, their transitions, retries and the state of policies are counted. Default: nowhere. */
  readonly metrics?: Registry;
  /** The caller's own, for `preferZone`. */
  readonly zone?: string;
  /** How calls are spread; nonsense throws `BalanceSettingsError` when a channel connects. */
  readonly balance?: BalanceOverrides;
}

/** The policy with options, as grpc-js wants it: a class. */
export function meshPolicy(
  options: MeshPolicyOptions,
): new (
  helper: experimental.ChannelControlHelper,
) => experimental.LoadBalancer {
  return class extends MeshPolicy {
    constructor(helper: experimental.ChannelControlHelper) {
      super(helper, options);
    }
  };
}

interface Child {
  readonly endpoint: Endpoint;
  readonly leaf: experimental.LeafLoadBalancer;
  watchdog: NodeJS.Timeout | undefined;
  /** Said nothing for too long while it connected: no reason to let calls wait for it. */
  stuck: boolean;
}

/** The mesh's `Balancer` as a load-balancing policy of grpc-js: one leaf, one connection, an endpoint. */
export class MeshPolicy implements experimental.LoadBalancer {
  readonly #helper: experimental.ChannelControlHelper;
  readonly #options: MeshPolicyOptions;
  readonly #balancer: Balancer;
  readonly #children = new Map<Endpoint, Child>();
  readonly #picker: MeshPicker;
  #service: FollowedService | undefined;
  #policy: TrafficPolicy | undefined;
  #addresses: ReadonlyMap<EndpointInfo, experimental.Endpoint> = new Map();
  #channelOptions: ChannelOptions = {};
  #note = "";
  #leave: (() => void) | undefined;
  #lastError = "discovery knows no endpoint";
  #updating = false;

  constructor(helper: experimental.ChannelControlHelper, options: MeshPolicyOptions = {}) {
    const { log, metrics, zone, balance } = options;
    this.#helper = helper;
    this.#options = options;
    this.#balancer = new Balancer({
      ...(zone === undefined ? {} : { zone }),
      ...(balance ? { settings: balance } : {}),
      onTransition: (transition) => logTransition(log, this.#target, transition),
    });
    this.#picker = new MeshPicker({
      balancer: this.#balancer,
      leafOf: (endpoint) => this.#children.get(endpoint)?.leaf,
      metrics: metrics && clientMetrics(metrics),
    });
  }

  updateAddressList(
    endpoints: experimental.StatusOr<experimental.Endpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
    note: string,
  ): boolean {
    if (config instanceof MeshPolicyConfig && config.service) this.#serve(config.service);
    this.#channelOptions = options;
    this.#note = note;
    this.#updating = true;
    // A resolver that fails says nothing about the endpoints it told of before.
    if (!endpoints.ok) this.#lastError = endpoints.error.details;
    else {
      this.#addresses = new Map(
        endpoints.value.map((endpoint) => [infoOf(endpoint) ?? strangerOf(endpoint), endpoint]),
      );
      this.#follow(this.#balancer.update([...this.#addresses.keys()]));
    }
    const policy = this.#service?.policyState.policy;
    if (policy !== this.#policy) {
      this.#policy = policy;
      this.#follow(this.#balancer.configure({ ...this.#options.balance, ...balanceOf(policy?.balance) }));
    }
    this.#updating = false;
    this.#publish();
    return true;
  }

  /** grpc-js says so before each call; no leaf stays idle, see `#onState`. */
  exitIdle(): void {}

  /** Each leaf keeps its own. */
  resetBackoff(): void {}

  destroy(): void {
    for (const endpoint of [...this.#children.keys()]) this.#drop(endpoint);
    this.#balancer.close();
    this.#leave?.();
  }

  getTypeName(): string {
    return POLICY_NAME;
  }

  get #target(): string {
    return this.#service ? `consul:///${this.#service.name}` : POLICY_NAME;
  }

  /** Which service it is for is known with the first update. */
  #serve(service: FollowedService): void {
    if (this.#service) return;
    this.#service = service;
    this.#picker.service = service;
    const { metrics } = this.#options;
    const shown: FollowedTarget = {
      target: { service: service.name },
      balancer: this.#balancer,
      retryBudgetRemaining: () => service.budget.remaining(performance.now()),
      get policyState() {
        return service.policyState;
      },
    };
    const leaves = [
      showTarget(() => this.#snapshot(service)),
      ...(metrics ? [clientMetrics(metrics).follow(shown)] : []),
    ];
    this.#leave = () => {
      for (const leave of leaves) leave();
    };
  }

  #snapshot({ budget, policyState }: FollowedService): TargetSnapshot {
    const nowMs = performance.now();
    const { summary, ...balance } = snapshotOf(this.#balancer, nowMs);
    return {
      target: this.#target,
      client: "grpc-js",
      summary,
      discovered: true,
      retryBudgetRemaining: rounded(budget.remaining(nowMs)),
      policy: shownPolicy(policyState),
      ...balance,
    };
  }

  #follow({ added, removed }: EndpointChanges): void {
    for (const endpoint of removed) this.#drop(endpoint);
    for (const endpoint of added) this.#add(endpoint, this.#addresses.get(endpoint.info)!);
  }

  #add(endpoint: Endpoint, address: experimental.Endpoint): void {
    const helper = experimental.createChildChannelControlHelper(this.#helper, {
      updateState: (state, _picker, error) => this.#onState(endpoint, state, error),
    });
    const leaf = new experimental.LeafLoadBalancer(address, helper, this.#channelOptions, this.#note);
    this.#children.set(endpoint, { endpoint, leaf, watchdog: undefined, stuck: false });
    leaf.startConnecting();
  }

  #drop(endpoint: Endpoint): void {
    const child = this.#children.get(endpoint);
    this.#children.delete(endpoint);
    clearTimeout(child?.watchdog);
    child?.leaf.destroy();
  }

  #onState(endpoint: Endpoint, state: connectivityState, error: string | null): void {
    const child = this.#children.get(endpoint);
    if (!child) return;
    if (error) this.#lastError = error;
    clearTimeout(child.watchdog);
    child.watchdog = undefined;
    if (state === connectivityState.CONNECTING) this.#watch(child);
    else child.stuck = false;
    this.#follow(this.#balancer.setLink(endpoint, linkOf(state), error ?? undefined));
    // A leaf whose connection went falls idle; the mesh keeps its endpoints connected.
    if (state === connectivityState.IDLE) child.leaf.exitIdle();
    this.#publish();
  }

  #watch(child: Child): void {
    child.watchdog = setTimeout(() => {
      child.stuck = true;
      const reason = `did not speak HTTP/2 within ${HANDSHAKE_TIMEOUT_MS} ms`;
      this.#lastError = `${child.endpoint.info.id} ${reason}`;
      this.#balancer.setLink(child.endpoint, "connecting", reason);
      this.#publish();
    }, HANDSHAKE_TIMEOUT_MS).unref();
  }

  #publish(): void {
    if (this.#updating) return;
    const children = [...this.#children.values()];
    if (children.some(({ endpoint }) => endpoint.link === "ready")) {
      this.#helper.updateState(connectivityState.READY, this.#picker, null);
    } else if (children.some(({ endpoint, stuck }) => endpoint.link === "connecting" && !stuck)) {
      const queue = new experimental.QueuePicker(this);
      this.#helper.updateState(connectivityState.CONNECTING, queue, null);
    } else {
      const details = `no endpoint is connected: ${this.#lastError}`;
      const unavailable = new experimental.UnavailablePicker({ details });
      this.#helper.updateState(connectivityState.TRANSIENT_FAILURE, unavailable, details);
    }
  }
}

function linkOf(state: connectivityState): LinkState {
  if (state === connectivityState.READY) return "ready";
  return state === connectivityState.TRANSIENT_FAILURE ? "backoff" : "connecting";
}

/** An endpoint of another resolver, where somebody names this policy in a service config. */
function strangerOf(endpoint: experimental.Endpoint): EndpointInfo {
  const id = experimental.endpointToString(endpoint);
  const [address] = endpoint.addresses;
  const { host, port } = address && "port" in address ? address : { host: id, port: 0 };
  return { id, host, port, version: "", zone: "", weight: 1 };
}
