import type { JsMsg } from "@nats-io/jetstream";
import { withTransaction } from "../database.ts";
import type { EventHandler, TakenEvent } from "./event-handler.ts";
import { claimAll } from "./inbox.ts";
import {
  type DeliveredEvent,
  decode,
  isTransient,
  observeEndToEnd,
  type ProcessorDeps,
  postpone,
  processDelivery,
  readDelivery,
} from "./inbox-processor.ts";

/** A delivery that may be handled with others. */
interface Candidate extends DeliveredEvent {
  readonly message: JsMsg;
  /** Where its type has none, the event only moves its key's position. */
  readonly handling: { readonly handler: EventHandler; readonly taken: TakenEvent } | undefined;
}

/**
 * Handles deliveries of different keys in one transaction. Those that are not simply next in their key, and all
 * of them where the transaction fails, are handled one by one, so that one event cannot harm the others.
 * Never rejects.
 */
export async function processBatch(deps: ProcessorDeps, messages: readonly JsMsg[]): Promise<void> {
  const candidates = messages.length > 1 ? messages.flatMap((message) => candidateOf(deps, message)) : [];
  const done = new Set<JsMsg>();
  const { consumer, log, metrics } = deps;
  if (candidates.length > 1) {
    const stopTimer = metrics.process.startTimer({ consumer });
    try {
      for (const { message, event } of await applyAll(deps, candidates)) {
        message.ack();
        done.add(message);
        observeEndToEnd(deps, event.envelope);
        stopTimer({ result: "applied" });
      }
    } catch (error) {
      if (isTransient(error)) {
        for (const message of messages) postpone(deps, message, error);
        return;
      }
      log.debug({ consumer, err: error }, "a batch failed; its events are handled one by one");
    }
  }
  for (const message of messages) if (!done.has(message)) await processDelivery(deps, message);
}

/** A delivery after which an event is handled by itself, where its attempts are counted beforehand. */
const LAST_IN_BATCH = 3;

/** What came often, or cannot be read, has a story of its own. */
function candidateOf(deps: ProcessorDeps, message: JsMsg): Candidate[] {
  if (message.info.deliveryCount > LAST_IN_BATCH) return [];
  try {
    const delivered = readDelivery(deps, message);
    const { envelope, payload } = delivered.event;
    const handler = deps.routes.handlers.get(envelope.type);
    const handling = handler && { handler, taken: { envelope, message: decode(handler, payload) } };
    return [{ ...delivered, message, handling }];
  } catch {
    return [];
  }
}

/** Resolves with those whose turn it was, when their effects are committed. */
function applyAll(deps: ProcessorDeps, candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
  const { consumer, pool, timeoutMs } = deps;
  const work = async (tx: Parameters<EventHandler["apply"]>[1]) => {
    const claimed = await claimAll(
      tx,
      consumer,
      candidates.map(({ event }) => event),
    );
    const taken = candidates.filter(({ event }) => claimed.has(event.envelope.id));
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
