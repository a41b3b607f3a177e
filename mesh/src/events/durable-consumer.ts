import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JetStreamManager } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { coveringFilter } from "./covering-filter.ts";
import type { EventType } from "./event-type.ts";
import { EVENTS, unlessMissing } from "./jetstream.ts";

export interface ConsumerSetUp {
  /** What the group reads, by type. */
  readonly types: ReadonlyMap<string, EventType>;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
}

/** The types that a group reads stand in its consumer's metadata: its filter may let through others. */
const TYPES = "antiphon.types";

/** The types of events that a group reads, by its consumer's configuration. */
export function typesReadBy({ metadata }: Pick<ConsumerConfig, "metadata">): readonly string[] {
  return metadata?.[TYPES]?.split(" ") ?? [];
}

/** Makes a group's durable consumer, from the beginning of the stream, or gives it the rules of this version. */
export async function ensureConsumer(
  manager: JetStreamManager,
  group: string,
  { types, ackWaitMs, maxAckPending }: ConsumerSetUp,
): Promise<void> {
  const rules = {
    filter_subject: coveringFilter(Array.from(types.values(), ({ filter }) => filter)),
    metadata: { [TYPES]: Array.from(types.keys()).sort().join(" ") },
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxAckPending,
  };
  const found = await manager.consumers.info(EVENTS, group).catch(unlessMissing);
  if (!found) {
    await manager.consumers.add(EVENTS, {
      durable_name: group,
      deliver_policy: DeliverPolicy.All,
      ack_policy: AckPolicy.Explicit,
      max_deliver: -1,
      ...rules,
    });
    return;
  }
  const { filter_subject, metadata, ack_wait, max_ack_pending } = found.config;
  const same =
    filter_subject === rules.filter_subject &&
    metadata?.[TYPES] === rules.metadata[TYPES] &&
    ack_wait === rules.ack_wait &&
    max_ack_pending === rules.max_ack_pending;
  if (!same) await manager.consumers.update(EVENTS, group, { ...rules, filter_subjects: [] });
}
