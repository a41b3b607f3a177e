import { fromBinary, type Message } from "@bufbuild/protobuf";
import { AckPolicy, DeliverPolicy, type JetStreamManager, type JsMsg, jetstream } from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { keepRunning, orAborted } from "../keep-running.ts";
import { coveringFilter } from "./covering-filter.ts";
import { envelopeOf } from "./envelope.ts";
import { eventsOf } from "./event-catalog.ts";
import { type EventType, typeOfSubject } from "./event-type.ts";
import { EVENTS, openJetStream } from "./jetstream.ts";
import { KeyPositions } from "./key-positions.ts";
import { type ConsumerTimes, eventMetrics } from "./metrics.ts";
import { StreamCursor } from "./stream-cursor.ts";
import { subscribe } from "./subscription.ts";

export interface FollowDeps {
  readonly nats: () => Promise<NatsConnection>;
  /** For logs and metrics. */
  readonly name: string;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** An event as a read model sees it; narrow `message` with `isMessage(message, TrackImportedSchema)`. */
export interface FollowedEvent {
  /** `<domain>.<name>.v<n>`. */
  readonly type: string;
  readonly aggregate: string;
  readonly message: Message;
  readonly key: string;
  readonly keySeq: bigint;
  readonly at: Date;
}

export interface ReadModel {
  /** Such as "catalog.track". */
  readonly aggregates: readonly string[];
  /**
   * Fills the model anew from the owners' exports and tells `positions` the key_seq of each row. Called
   * first, and again whenever events were lost or could not be applied; a cache just drops what it holds. A
   * rejection is tried again. Without it, events that were lost stay lost.
   */
  load?(positions: KeyPositions, signal: AbortSignal): Promise<void> | void;
  /** Applies an event that the model does not hold yet. What it throws is logged, and leads to a load. */
  apply(event: FollowedEvent): Promise<void> | void;
}

export interface Follower {
  /** Resolves when the model is loaded and has caught up with the stream. */
  readonly ready: Promise<void>;
  /** Resolves when the event in hand is applied. */
  stop(): Promise<void>;
}

/**
 * Keeps a read model of this replica's own: every replica sees every event, in order per key, each once.
 * It notes where the stream is, loads, and applies everything from there on, so that nothing falls between.
 * Starts at once; servers that are away are waited for.
 */
export function follow(deps: FollowDeps, model: ReadModel): Follower {
  const stopped = new AbortController();
  const signal = AbortSignal.any([deps.signal, stopped.signal]);
  const follower = new ModelFollower({ ...deps, signal }, model);
  const running = keepRunning({ what: `follower ${deps.name}`, log: deps.log, signal }, () => follower.run());
  return {
    ready: follower.ready.promise,
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

/** How often it makes sure that nothing was lost; so it also never loads more often, whatever goes wrong. */
const CHECK_MS = 2_000;

class ModelFollower {
  readonly ready = Promise.withResolvers<void>();
  readonly #deps: FollowDeps;
  readonly #model: ReadModel;
  readonly #types: ReadonlyMap<string, EventType>;
  readonly #positions = new KeyPositions();
  readonly #cursor = new StreamCursor();
  readonly #times: ConsumerTimes;

  constructor(deps: FollowDeps, model: ReadModel) {
    this.#deps = deps;
    this.#model = model;
    this.#times = eventMetrics(deps.metrics).timesOf(deps.name);
    this.#types = new Map(model.aggregates.flatMap(eventsOf).map((type) => [type.type, type]));
  }

  /** One subscription: resolves when it must be made again. */
  async run(): Promise<void> {
    const { nats, signal } = this.#deps;
    const nc = await orAborted(nats(), signal);
    const manager = await openJetStream(nc);
    if (this.#cursor.hasLost(await manager.streams.info(EVENTS))) await this.#load(manager);

    const found = await manager.consumers.add(EVENTS, {
      filter_subject: coveringFilter(Array.from(this.#types.values(), ({ filter }) => filter)),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#cursor.next,
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(30_000),
      mem_storage: true,
      num_replicas: 1,
    });
    if (found.num_pending === 0) this.ready.resolve();
    const consumer = await jetstream(nc).consumers.get(EVENTS, found.name);
    const subscription = new AbortController();
    const both = AbortSignal.any([signal, subscription.signal]);
    const watch = setInterval(async () => {
      const stream = await manager.streams.info(EVENTS).catch(() => undefined);
      if (stream && this.#cursor.hasLost(stream)) subscription.abort();
    }, CHECK_MS);
    let delivered = 0;
    try {
      using subscription = await subscribe(nc, consumer, 128, both);
      for await (const message of subscription.messages) {
        delivered += 1;
        // A hole in the count of deliveries: one of them went to a connection that broke.
        if (both.aborted || message.info.deliverySequence !== delivered) return;
        if (this.#types.has(typeOfSubject(message.subject))) await this.#take(message);
        else this.#cursor.passed(message.seq);
        if (message.info.pending === 0) this.ready.resolve();
      }
    } finally {
      clearInterval(watch);
      manager.consumers.delete(EVENTS, found.name).catch(() => {});
    }
  }

  async #load(manager: JetStreamManager): Promise<void> {
    const { name, log, metrics, signal } = this.#deps;
    // Before the export begins: what it may miss comes after this point of the stream.
    const stream = await manager.streams.info(EVENTS);
    this.#positions.clear();
    await this.#model.load?.(this.#positions, signal);
    this.#cursor.restart(stream);
    eventMetrics(metrics).reloads.inc({ consumer: name });
    log.info({ follower: name }, "the read model is loaded");
  }

  async #take(message: JsMsg): Promise<void> {
    const { name, log } = this.#deps;
    const startedAtMs = performance.now();
    const result = await this.#apply(message).catch((error: unknown) => {
      log.error({ follower: name, subject: message.subject, err: error }, "an event could not be applied");
      if (this.#model.load) this.#cursor.distrust();
      return "skipped";
    });
    this.#cursor.passed(message.seq);
    this.#times.processed(result, performance.now() - startedAtMs);
  }

  async #apply(message: JsMsg): Promise<string> {
    const { name, metrics } = this.#deps;
    const { type: typeName, key, keySeq, at } = envelopeOf(message);
    const type = this.#types.get(typeName);
    if (!type) throw new Error(`header ce-type "${typeName}" does not belong on this subject`);
    const { aggregate } = type;
    // Without a load there is nothing to compare with, and no memory is spent on every key ever seen.
    if (this.#model.load) {
      const standing = this.#positions.standing(aggregate, key, keySeq);
      if (standing === "known") return "duplicate";
      if (standing === "gap") {
        eventMetrics(metrics).gaps.inc({ consumer: name });
        this.#cursor.distrust();
      }
    }
    await this.#model.apply({
      type: typeName,
      aggregate,
      message: fromBinary(type.schema, message.data),
      key,
      keySeq,
      at,
    });
    if (this.#model.load) this.#positions.set(aggregate, key, keySeq);
    this.#times.applied(at);
    return "applied";
  }
}
