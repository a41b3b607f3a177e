import type { Clock } from "../clock.ts";
import type { Logger } from "../telemetry/logger.ts";
import { ConsulFollower } from "./consul-follower.ts";
import { type HealthAnswer, queryHealth } from "./consul-health.ts";
import { EndpointFeed } from "./endpoint-feed.ts";

export interface ConsulWatcherOptions {
  readonly url: string;
  readonly service: string;
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
}

/**
 * Follows the passing instances of one service by blocking queries.
 *
 * Static stability: while Consul is away or answers nonsense, and when it answers with no instance
 * after there were some (its memory was wiped, or every readiness check fails at once), the last good
 * endpoints stay, for as long as that lasts. A dead endpoint costs the picker one connection attempt;
 * an emptied list would cost every call.
 */
export class ConsulWatcher {
  readonly feed = new EndpointFeed();
  readonly #options: ConsulWatcherOptions;
  readonly #follower: ConsulFollower<HealthAnswer>;
  #keepsEmpty = false;

  constructor(options: ConsulWatcherOptions) {
    this.#options = options;
    this.#follower = new ConsulFollower({
      ...options,
      kept: "endpoints are kept",
      ask: (index, signal) => queryHealth({ ...options, index, signal }),
      accept: (answer) => this.#accept(answer),
    });
  }

  /** Milliseconds since Consul's last good answer, or since the start. At most `waitMs` and a bit when all is well. */
  get ageMs(): number {
    return this.#follower.ageMs;
  }

  close(): void {
    this.#follower.close();
  }

  #accept({ endpoints, skipped }: HealthAnswer): void {
    if (skipped > 0) this.#warn(`${skipped} entries of Consul make no sense`);
    const keeps = endpoints.length === 0 && (this.feed.latest ?? []).length > 0;
    if (keeps && !this.#keepsEmpty) this.#warn("Consul knows no passing instance, endpoints are kept");
    this.#keepsEmpty = keeps;
    if (!keeps) this.feed.publish(endpoints);
  }

  #warn(message: string): void {
    this.#options.log?.warn({ target: this.#options.service }, message);
  }
}
