import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { backoffMs } from "../resilience/backoff.ts";
import type { Logger } from "../telemetry/logger.ts";
import { nextIndex, queryHealth } from "./consul-health.ts";
import { EndpointFeed } from "./endpoint-feed.ts";

export interface ConsulWatcherOptions {
  readonly url: string;
  readonly service: string;
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
}

/** A burst of changes makes one query each that long, not one each change. */
const minGapMs = 100;
const retry = { baseMs: 250, maxMs: 5_000 };

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
  readonly #stop = new AbortController();
  #answeredAtMs: number;
  #keepsEmpty = false;

  constructor(options: ConsulWatcherOptions) {
    this.#options = options;
    this.#answeredAtMs = options.clock.monotonic();
    void this.#follow();
  }

  /** Milliseconds since Consul's last good answer, or since the start. At most `waitMs` and a bit when all is well. */
  get ageMs(): number {
    return this.#options.clock.monotonic() - this.#answeredAtMs;
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let index = 0;
    let failures = 0;
    while (!signal.aborted) {
      const answer = await queryHealth({ ...this.#options, index, signal }).catch((error: Error) => error);
      if (signal.aborted) return;
      if (answer instanceof Error) {
        // Whoever answers next may be a Consul that has started over: an index of its predecessor would block.
        index = 0;
        if (failures === 0) this.#log("warn", `Consul is away, endpoints are kept: ${describe(answer)}`);
        await this.#pause(backoffMs(failures++, retry));
        continue;
      }
      if (failures > 0) this.#log("info", "Consul is back");
      failures = 0;
      index = nextIndex(index, answer.index);
      this.#answeredAtMs = this.#options.clock.monotonic();
      if (answer.skipped > 0) this.#log("warn", `${answer.skipped} entries of Consul make no sense`);
      this.#accept(answer.endpoints);
      await this.#pause(minGapMs * (0.5 + Math.random()));
    }
  }

  #accept(endpoints: Parameters<EndpointFeed["publish"]>[0]): void {
    const keeps = endpoints.length === 0 && (this.feed.latest ?? []).length > 0;
    if (keeps && !this.#keepsEmpty) this.#log("warn", "Consul knows no passing instance, endpoints are kept");
    this.#keepsEmpty = keeps;
    if (!keeps) this.feed.publish(endpoints);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
  }

  #log(level: "info" | "warn", message: string): void {
    this.#options.log?.[level]({ target: this.#options.service }, message);
  }
}

function describe(error: Error): string {
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}
