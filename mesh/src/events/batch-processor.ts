import type { JsMsg } from "@nats-io/jetstream";
import { withTransaction } from "../database.ts";
import type { DeliveredEvent, Delivery } from "./delivery.ts";
import type { EventHandler, TakenEvent } from "./event-handler.ts";
import { claimAll } from "./inbox.ts";
import { decode, isTransient, type ProcessorDeps, postpone, processDelivery } from "./inbox-processor.ts";

/** A delivery that may be handled with others. */
interface Candidate extends DeliveredEvent {
  readonly delivery: Delivery;
  /** Where its type has none, the event only moves its key's position. */
  readonly handling: { readonly handler: EventHandler; readonly taken: TakenEvent } | undefined;
}

/**
 * Handles deliveries of different keys in one transaction. Those that are not simply next in their key, and all
 * of them where the transaction fails, are handled one by one, so that one event cannot harm the others.
 * Never rejects.
 */
export async function processBatch(deps: ProcessorDeps, deliveries: readonly Delivery[]): Promise<void> {
  const candidates = deliveries.length > 1 ? deliveries.flatMap((each) => candidateOf(deps, each)) : [];
  const done = new Set<Delivery>();
  const { consumer, log, metrics } = deps;
  if (candidates.length > 1) {
    const startedAtMs = performance.now();
    try {
      const applied = await applyAll(deps, candidates);
      const times = metrics.timesOf(consumer);
      const tookMs = performance.now() - startedAtMs;
      for (const { delivery, event } of applied) {
        delivery.message.ack();
        done.add(delivery);
        times.applied(event.envelope.at);
        times.processed("applied", tookMs);
      }
    } catch (error) {
      if (isTransient(error)) {
        for (const { message } of deliveries) postpone(deps, message, error);
        return;
      }
      log.debug({ consumer, err: error }, "a batch failed; its events are handled one by one");
    }
  }
  for (const delivery of deliveries) if (!done.has(delivery)) await processDelivery(deps, delivery);
}

/** A delivery after which an event is handled by itself, where its attempts are counted beforehand. */
const LAST_IN_BATCH = 3;

/** In the subject to which a message is acknowledged: `…<stream>.<consumer>.<deliveries>.…`. */
const FIRST_DELIVERY = /\.EVENTS\.[^.]+\.1\./;

function cameOften(message: JsMsg): boolean {
  // The client makes an object of eleven parts to tell a number that is nearly always 1.
  if ("reply" in message && FIRST_DELIVERY.test(String(message.reply))) return false;
  return message.info.deliveryCount > LAST_IN_BATCH;
}

/** What came often, or cannot be read, has a story of its own. */
function candidateOf({ routes }: ProcessorDeps, delivery: Delivery): Candidate[] {
  const { message, content } = delivery;
  if (content instanceof Error || cameOften(message)) return [];
  const { envelope, payload } = content.event;
  const handler = routes.handlers.get(envelope.type);
  try {
    const handling = handler && { handler, taken: { envelope, message: decode(handler, payload) } };
    return [{ ...content, delivery, handling }];
  } catch {
    return [];
  }
}

/** Resolves with those whose turn it was, when their effects are committed. */
function applyAll(deps: ProcessorDeps, candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
  const { consumer, pool, timeoutMs } = deps;
  const byAggregate = Map.groupBy(candidates, ({ event }) => event.aggregate);
  // The order of locks is the same in all replicas.
  const aggregates = Array.from(byAggregate).sort(([a], [b]) => (a < b ? -1 : 1));
  const work = async (tx: Parameters<EventHandler["apply"]>[1]) => {
    const taken: Candidate[] = [];
    for (const [aggregate, group] of aggregates)
      taken.push(...(await claimAll(tx, { consumer, aggregate }, group)));
    const handlings = taken.flatMap(({ handling }) => handling ?? []);
    for (const [handler, group] of Map.groupBy(handlings, (each) => each.handler)) {
      await handler.apply(
        group.map((each) => each.taken),
        tx,
      );
    }
    return taken;
  };
  return withTransaction(pool, work, { timeoutMs });
}
