// Domain events: published with the data that they are about, consumed once and in order.

export { type ConsumeDeps, consume, type EventConsumer } from "./consume.ts";
export {
  type BatchedEvent,
  type EventContext,
  type EventHandler,
  on,
  onBatch,
  upcast,
} from "./event-handler.ts";
export { EventError, type EventType, event, PARTITIONS } from "./event-type.ts";
export { type FollowDeps, type FollowedEvent, type Follower, follow, type ReadModel } from "./follow.ts";
export { BrokerError, DEAD_LETTERS, EVENTS, openJetStream } from "./jetstream.ts";
export { KeyPositions, type Standing } from "./key-positions.ts";
export { eventMigrations } from "./migrations.ts";
export { MAX_EVENT_BYTES, type Outbox, type OutboxDeps, openOutbox } from "./outbox.ts";
export { exportCursor, keySeqOf } from "./outbox-store.ts";
