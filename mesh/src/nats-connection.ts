import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { backoffMs } from "./resilience/backoff.ts";
import type { Logger } from "./telemetry/logger.ts";

const RETRY = { baseMs: 100, maxMs: 2_000 };

export interface NatsOptions {
  readonly url: string;
  /** What the broker shows of this connection. */
  readonly name: string;
  readonly log: Logger;
  /** Ends the attempts; a connection that is there stays. */
  readonly signal: AbortSignal;
}

/**
 * Connects to NATS, tries until it is there, and reconnects for ever afterwards. The client's own wait
 * for the first connection cannot be ended, and would keep a process that stops from stopping.
 * Rejects only when `signal` aborts first.
 */
export async function openNats({ url, name, log, signal }: NatsOptions): Promise<NatsConnection> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await connect({ servers: url, name, maxReconnectAttempts: -1 });
    } catch (error) {
      if (attempt === 0) log.warn({ err: error }, "NATS is away, connecting when it is back");
      await sleep(backoffMs(attempt, RETRY), undefined, { signal });
    }
  }
}
