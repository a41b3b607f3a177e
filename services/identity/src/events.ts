import { event, type Outbox } from "@antiphon/mesh/events";
import { ListenerRegisteredSchema } from "@antiphon/proto/antiphon/identity/v1/events";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type pg from "pg";
import type { Listener } from "./listener.ts";

/** Where events are written, in the transaction of what they tell. */
export type Publisher = Pick<Outbox, "publish">;

const listenerRegistered = event(ListenerRegisteredSchema);

/** Tells that there is a new listener: the id alone, names and addresses stay here. */
export function publishRegistered(outbox: Publisher, tx: pg.PoolClient, listener: Listener): Promise<void> {
  const message = create(ListenerRegisteredSchema, {
    listenerId: listener.id,
    registeredAt: timestampFromMs(listener.createdAtMs),
  });
  return outbox.publish(tx, listenerRegistered, message);
}
