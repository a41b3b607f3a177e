import { MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Code } from "@connectrpc/connect";
import type { Logger } from "pino";
import { Balancer, type EndpointChanges } from "../balance/balancer.ts";
import type { Endpoint } from "../balance/endpoint.ts";
import { rounded } from "../balance/pick-log.ts";
import type { BalanceOverrides } from "../balance/settings.ts";
import { snapshotOf } from "../balance/snapshot.ts";
import type { Clock } from "../clock.ts";
import type { Discovery, EndpointInfo, Watch } from "../discovery/discovery.ts";
import { balanceOf } from "../policy/balance-policy.ts";
import { NO_POLICY, type PolicySource, type PolicyState, shownPolicy } from "../policy/policy-source.ts";
import { RetryBudget } from "../resilience/retry-budget.ts";
import type { TargetSnapshot } from "../telemetry/debug-targets.ts";
import { logTransition } from "../telemetry/transition-log.ts";
import type { Connect, Connection } from "../transport/connection.ts";
import { type CallOutcome, verdictOfMesh } from "./call.ts";
import { Link } from "./link.ts";
import type { Target } from "./target.ts";

export interface ClusterOptions {
  readonly clock: Clock;
  readonly connect: Connect;
  readonly log?: Logger | undefined;
  readonly balance?: BalanceOverrides | undefined;
  /** Tells the policy of the target. Default: there is none. */
  readonly policies?: PolicySource | undefined;
  /** The caller's own. */
  readonly zone?: string | undefined;
  /** Decides which endpoints of a large fleet this caller uses. */
  readonly callerId?: string | undefined;
}

type Waiter = (failure: CallOutcome | undefined) => void;

/** The endpoints of one target with their connections; what all calls to it share. */
export class Cluster {
  readonly target: Target;
  readonly budget = new RetryBudget();
  readonly #options: ClusterOptions;
  readonly #balancer: Balancer;
  readonly #links = new Map<Endpoint, Link>();
  readonly #waiters = new Set<Waiter>();
  readonly #watch: Watch;
  readonly #policyWatch: Watch | undefined;
  #revision = 0;
  #policyState = NO_POLICY;
  readonly #steered = Promise.withResolvers<void>();
  #isSteered: boolean;
  #discovered = false;

  constructor(target: Target, discovery: Discovery, options: ClusterOptions) {
    this.target = target;
    this.#options = options;
    this.#balancer = new Balancer({
      clock: options.clock,
      ...(options.balance ? { settings: options.balance } : {}),
      ...(options.zone === undefined ? {} : { zone: options.zone }),
      ...(options.callerId === undefined ? {} : { callerId: options.callerId }),
      onTransition: (transition) => logTransition(options.log, target.text, transition),
    });
    this.#isSteered = options.policies === undefined;
    this.#watch = discovery.watch(target.service, (infos) => this.#update(infos));
    this.#policyWatch = options.policies?.watch(target.service, (state) => this.#steer(state));
  }

  get endpoints(): readonly Endpoint[] {
    return this.#balancer.endpoints;
  }

  /** The balancer's: its settings, its states, and who hears of them. */
  get balancer(): Balancer {
    return this.#balancer;
  }

  pick(
    nowMs: number,
    tried: readonly Endpoint[] | undefined,
    key: string | undefined,
    version: string | undefined,
    path: string,
  ): Endpoint | undefined {
    return this.#balancer.pick(nowMs, tried, key, version, path);
  }

  /** Whether its connection can be used now. */
  isReady(endpoint: Endpoint): boolean {
    return endpoint.link === "ready" && this.#links.has(endpoint);
  }

  /** Whether an endpoint of this version is connected. */
  serves(version: string): boolean {
    return this.endpoints.some(({ info, link }) => info.version === version && link === "ready");
  }

  /** Changes with whatever the layers of a call are made from. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether it is known how calls are to be made. Until then they wait for `steered`, a second at most. */
  get isSteered(): boolean {
    return this.#isSteered;
  }

  get steered(): Promise<void> {
    return this.#steered.promise;
  }

  /** The policy that is followed, and whether a newer one is refused. */
  get policyState(): PolicyState {
    return this.#policyState;
  }

  /** Changes how calls are spread; see `Balancer.configure`. */
  configure(overrides: BalanceOverrides): void {
    this.#revision++;
    this.#follow(this.#balancer.configure(overrides));
    this.#settle();
  }

  hasUntried(tried: readonly Endpoint[]): boolean {
    return this.#balancer.hasUntried(tried);
  }

  hasWilling(tried: readonly Endpoint[], nowMs: number): boolean {
    return this.#balancer.hasWilling(tried, nowMs);
  }

  /** Of an endpoint that `pick` has just returned. */
  connectionOf(endpoint: Endpoint): Connection {
    return this.#links.get(endpoint)!.connection;
  }

  /** Calls `waiter` once, when a pick may succeed or there is nothing to wait for. Returns how to leave. */
  whenPickable(waiter: Waiter): () => void {
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** Why a call need not wait for an endpoint; undefined where one may still come. */
  whyHopeless(): CallOutcome | undefined {
    if (!this.#discovered) return undefined;
    const { endpoints } = this;
    if (endpoints.length === 0) return noEndpoints(`discovery knows no endpoint of ${this.target.text}`);
    if (endpoints.some((endpoint) => endpoint.link !== "backoff")) return undefined;
    const reasons = new Set([...this.#links.values()].map((link) => link.lastFailure));
    return verdictOfMesh(Code.Unavailable, [...reasons].join("; "), {
      meshReason: MeshErrorReason.CONNECTION_LOST,
    });
  }

  /** The failure of a call whose time ran out while it waited for an endpoint. */
  nobodyInTime(): CallOutcome {
    return noEndpoints(
      this.#discovered
        ? `no endpoint of ${this.target.text} could be connected in time`
        : `discovery has not told of any endpoint of ${this.target.text} in time`,
    );
  }

  /** 1 is untouched, 0 used up. */
  retryBudgetRemaining(): number {
    return this.budget.remaining(this.#options.clock.monotonic());
  }

  snapshot(): TargetSnapshot {
    const { summary, ...balance } = snapshotOf(this.#balancer, this.#options.clock.monotonic());
    return {
      target: this.target.text,
      client: "mesh",
      summary,
      discovered: this.#discovered,
      waiting: this.#waiters.size,
      retryBudgetRemaining: rounded(this.retryBudgetRemaining()),
      policy: shownPolicy(this.#policyState),
      ...balance,
    };
  }

  close(): void {
    this.#watch.close();
    this.#policyWatch?.close();
    this.#letCalls();
    for (const link of this.#links.values()) link.close("the client was closed");
    this.#links.clear();
    this.#balancer.close();
    this.#wake(noEndpoints("the client was closed"));
  }

  #update(infos: readonly EndpointInfo[]): void {
    this.#discovered = true;
    this.#follow(this.#balancer.update(infos));
    this.#settle();
  }

  #steer(state: PolicyState): void {
    const before = this.#policyState.policy;
    this.#policyState = state;
    if (state.policy !== before) {
      this.budget.configure(state.policy?.retryBudget ?? {});
      this.configure({ ...this.#options.balance, ...balanceOf(state.policy?.balance) });
    }
    this.#letCalls();
  }

  #letCalls(): void {
    this.#isSteered = true;
    this.#steered.resolve();
  }

  #follow({ added, removed }: EndpointChanges): void {
    for (const endpoint of removed) {
      this.#links.get(endpoint)?.stop();
      this.#links.delete(endpoint);
    }
    for (const endpoint of added) {
      const { connect, log } = this.#options;
      const link = new Link(endpoint, {
        connect,
        log,
        onState: (of, state, reason) => {
          this.#follow(this.#balancer.setLink(of, state, reason));
          this.#settle();
        },
      });
      this.#links.set(endpoint, link);
    }
    for (const endpoint of added) this.#links.get(endpoint)!.start();
  }

  /** Lets waiting calls go on where that makes sense now. */
  #settle(): void {
    if (this.#waiters.size === 0) return;
    if (this.endpoints.some((endpoint) => endpoint.link === "ready")) this.#wake(undefined);
    else {
      const failure = this.whyHopeless();
      if (failure) this.#wake(failure);
    }
  }

  #wake(failure: CallOutcome | undefined): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter(failure);
  }
}

function noEndpoints(text: string): CallOutcome {
  return verdictOfMesh(Code.Unavailable, text, { meshReason: MeshErrorReason.NO_ENDPOINTS });
}
