import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { type NatsConnection, nanos } from "@nats-io/transport-node";

/** Every event of every domain. */
export const EVENTS = "EVENTS";
/** What a consumer could not handle, on `dlq.<service>.<consumer>`. */
export const DEAD_LETTERS = "DLQ";

const DAY_MS = 86_400_000;
/** How long the stream keeps an event; older history is the owners' exports. */
export const RETENTION_MS = 7 * DAY_MS;

/** Copies of each message where the broker is a cluster: one server may be lost at any time. */
const CLUSTER_REPLICAS = 3;

/** The broker cannot carry events. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
}

/** What correctness asks of a stream; sizes and replicas belong to who operates the broker. */
type StreamRules = Pick<
  StreamConfig,
  "subjects" | "max_age" | "duplicate_window" | "discard" | "deny_delete" | "retention" | "storage"
>;

interface StreamSetUp {
  readonly rules: StreamRules;
  /** Reserved on the broker's disk where the stream is made; an operator may change it afterwards. */
  readonly maxBytes: number;
}

const shared = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  duplicate_window: nanos(120_000),
  // A full stream refuses: events wait in the outboxes, and no writer fails and nothing unread is dropped.
  discard: DiscardPolicy.New,
};

const streams: Readonly<Record<string, StreamSetUp>> = {
  [EVENTS]: {
    rules: { ...shared, subjects: ["evt.>"], max_age: nanos(RETENTION_MS), deny_delete: true },
    maxBytes: 2 ** 30,
  },
  [DEAD_LETTERS]: {
    rules: { ...shared, subjects: ["dlq.>"], max_age: nanos(30 * DAY_MS), deny_delete: false },
    maxBytes: 2 ** 28,
  },
};

/**
 * Makes the streams where they are missing and mends what of their rules has changed; limits and replicas
 * that an operator has set stay. Any number of processes may do it at once.
 * Rejects with {@link BrokerError} where the server is too old or away.
 */
export async function openJetStream(nc: NatsConnection): Promise<JetStreamManager> {
  if (!nc.info) throw new BrokerError("the connection to NATS is down");
  requireVersion(nc.info.version);
  const manager = await jetstreamManager(nc, { checkAPI: false, timeout: 5_000 });
  const replicas = nc.info.cluster ? CLUSTER_REPLICAS : 1;
  for (const [name, setUp] of Object.entries(streams)) await ensureStream(manager, name, setUp, replicas);
  return manager;
}

/** Metadata of consumers came with NATS 2.10; older servers also ignore options silently. */
export function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 10)) return;
  throw new BrokerError(`events need NATS 2.10 or newer, and this server is ${version}: upgrade nats-server`);
}

async function ensureStream(
  manager: JetStreamManager,
  name: string,
  { rules, maxBytes }: StreamSetUp,
  num_replicas: number,
) {
  const found = await manager.streams.info(name).catch(unlessMissing);
  if (!found) {
    await manager.streams.add({ name, ...rules, max_bytes: maxBytes, num_replicas });
    return;
  }
  const changed = Object.entries(rules).some(
    ([key, value]) => JSON.stringify(found.config[key as keyof StreamRules]) !== JSON.stringify(value),
  );
  if (changed) await manager.streams.update(name, { ...found.config, ...rules });
}

const MISSING: readonly number[] = [JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound];

/** For `catch`: undefined for a stream or consumer that does not exist, every other error again. */
export function unlessMissing(error: unknown): undefined {
  if (error instanceof JetStreamApiError && MISSING.includes(error.code)) return;
  throw error;
}
