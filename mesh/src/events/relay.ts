import { type JetStreamClient, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { orAborted } from "../keep-running.ts";
import { toHeaders } from "./envelope.ts";
import { EVENTS, openJetStream } from "./jetstream.ts";
import { type EventMetrics, eventMetrics } from "./metrics.ts";
import {
  moveToSent,
  OUTBOX_CHANNEL,
  type PendingEvent,
  pruneSent,
  putBackSentBefore,
  readPending,
} from "./outbox-store.ts";
import { onReconnect } from "./reconnections.ts";

/** Keys whose events are in flight at once; of one key there is never more than one. */
const KEYS_IN_FLIGHT = 256;
const BATCH = { count: 500, maxBytes: 8_000_000 };
/** Behind NOTIFY, which a lost connection may swallow. */
const POLL_MS = 100;
const PRUNE_MS = 600_000;
const PUBLISH_TIMEOUT_MS = 2_000;
/** Between the broker, which says when its stream was made, and PostgreSQL, which says when an event was sent. */
const CLOCK_SKEW_MS = 60_000;

export interface RelayDeps {
  readonly pool: pg.Pool;
  readonly nats: () => Promise<NatsConnection>;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly signal: AbortSignal;
}

/**
 * One term of a relay: where nobody else leads, carries events from the outbox to the stream.
 * The lock lives in the connection over which it reads, so that one who has lost it reads nothing more.
 * Resolves when another replica leads or, after a last batch, the signal aborts, rejects when PostgreSQL or NATS fails; the
 * caller starts over. A leader that cannot reach the broker thereby lets another replica try.
 */
export async function relay(deps: RelayDeps): Promise<void> {
  const client = await deps.pool.connect();
  let leads = false;
  const wakeUp = new WakeUp(deps.signal);
  client.on("error", wakeUp.now);
  client.on("notification", wakeUp.now);
  try {
    leads = await becomeLeader(client);
    if (leads) await lead(deps, client, wakeUp);
  } finally {
    client.off("error", wakeUp.now);
    client.off("notification", wakeUp.now);
    // A leader's connection is closed, not returned to the pool: that is what gives the lock back.
    client.release(leads);
  }
}

async function becomeLeader(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ leads: boolean }>(
    "SELECT pg_try_advisory_lock(hashtextextended('antiphon.outbox', 0)) AS leads",
  );
  return rows[0]?.leads === true;
}

async function lead(deps: RelayDeps, client: pg.ClientBase, wakeUp: WakeUp) {
  const { nats, log, signal } = deps;
  const nc = await orAborted(nats(), signal);
  let reconnected = false;
  using _watch = onReconnect(nc, () => {
    reconnected = true;
    wakeUp.now();
  });
  const { created } = await (await openJetStream(nc)).streams.info(EVENTS);
  await pruneSent(client);
  const again = await putBackSentBefore(client, new Date(Date.parse(created) + CLOCK_SKEW_MS));
  if (again > 0) log.warn({ events: again }, "the stream was made anew: what it may lack is sent again");
  const stream = jetstream(nc, { timeout: PUBLISH_TIMEOUT_MS });
  const metrics = eventMetrics(deps.metrics);
  await client.query(`LISTEN ${OUTBOX_CHANNEL}`);
  log.info("this replica relays the outbox");
  let pruneAt = performance.now() + PRUNE_MS;
  for (;;) {
    // A broker that was away may be back without its disk: the next term looks before it sends.
    if (reconnected) return;
    // Asked to stop, it reads once more: what was committed before that still leaves.
    const last = signal.aborted;
    if (performance.now() >= pruneAt) {
      await pruneSent(client);
      pruneAt = performance.now() + PRUNE_MS;
    }
    const pending = await readPending(client, BATCH);
    if (pending.length === 0) {
      if (last) return;
      await wakeUp.within(POLL_MS);
      continue;
    }
    const { acked, failure } = await publishAll(stream, pending, metrics);
    if (acked.length > 0) await moveToSent(client, acked);
    // Starting over also makes a stream again that the broker has lost.
    if (failure) throw failure;
    if (last) return;
  }
}

interface Published {
  readonly acked: readonly string[];
  readonly failure: unknown;
}

/** Publishes a batch, the events of each key one after the other; a failure ends its key's turn only. */
async function publishAll(
  stream: JetStreamClient,
  events: readonly PendingEvent[],
  metrics: EventMetrics,
): Promise<Published> {
  const lanes = Map.groupBy(events, ({ lane }) => lane).values();
  const acked: string[] = [];
  let failure: unknown;
  const carry = async () => {
    for (const lane of lanes) {
      try {
        for (const { seq, subject, payload, envelope } of lane) {
          await stream.publish(subject, payload, { headers: toHeaders(envelope) });
          acked.push(seq);
          metrics.outboxPublished.inc();
        }
      } catch (error) {
        failure = error;
      }
    }
  };
  // The workers share one iterator: each takes the next key that nobody has.
  await Promise.all(Array.from({ length: KEYS_IN_FLIGHT }, carry));
  return { acked, failure };
}

/** Lets the relay sleep until a writer calls, and remembers a call that came while it was busy. */
class WakeUp {
  #called = false;
  #wake: (() => void) | undefined;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly now = (): void => {
    this.#called = true;
    this.#wake?.();
  };

  async within(ms: number): Promise<void> {
    if (!this.#called && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        this.#wake = done;
        this.#signal.addEventListener("abort", done, { once: true });
      });
      this.#wake = undefined;
    }
    this.#called = false;
  }
}
