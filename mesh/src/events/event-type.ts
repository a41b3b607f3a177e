import { event as eventOption } from "@antiphon/proto/antiphon/options/v1/options";
import {
  type DescFile,
  type DescMessage,
  getOption,
  hasOption,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";

/** The events of one key may spread over this many subjects of each type, for consumers that share them out. */
export const PARTITIONS = 16;

/** A message is not an event, or an event may not be published as it is. */
export class EventError extends Error {
  override readonly name = "EventError";
}

/** What a contract says of an event: its type, what it is about, and where it travels. */
export interface EventType<S extends DescMessage = DescMessage> {
  readonly schema: S;
  /** `<domain>.<name>.v<n>`, the CloudEvents type. */
  readonly type: string;
  /** Events of one aggregate share one order per key. */
  readonly aggregate: string;
  /** Every partition of this type, for a consumer's filter. */
  readonly filter: string;
  /** The field that holds the key, by its name in the contract. */
  readonly keyField: string;
  /** The value of that field; empty where the message leaves it out. */
  key(message: MessageShape<S>): string;
  /** `evt.<domain>.<name>.v<n>.<partition>`. */
  subject(key: string): string;
}

const known = new WeakMap<DescMessage, EventType>();

/**
 * The event that a message is, by its option `(antiphon.options.v1.event)`.
 * Throws {@link EventError} for a message without it and for an option that contradicts its message.
 */
export function event<S extends DescMessage>(schema: S): EventType<S> {
  const seen = known.get(schema);
  if (seen) return seen as EventType<S>;
  const read = readEventType(schema);
  known.set(schema, read as EventType);
  return read;
}

/** The events that a file of contracts declares. */
export function eventsIn(file: DescFile): EventType[] {
  return file.messages.filter((message) => hasOption(message, eventOption)).map((message) => event(message));
}

/** All events of the same aggregate: they share its order, so who reads one must see every one. */
export function siblings(type: EventType): EventType[] {
  return eventsIn(type.schema.file).filter(({ aggregate }) => aggregate === type.aggregate);
}

function readEventType<S extends DescMessage>(schema: S): EventType<S> {
  if (!hasOption(schema, eventOption)) {
    throw new EventError(`${schema.typeName} is no event: it has no option (antiphon.options.v1.event)`);
  }
  const { type, aggregate, keyField } = getOption(schema, eventOption);
  if (!/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.v[1-9][0-9]*$/.test(type)) {
    throw new EventError(
      `${schema.typeName}: event type must look like "catalog.track_imported.v1" (was "${type}")`,
    );
  }
  if (!aggregate) throw new EventError(`${schema.typeName}: its event option must name an aggregate`);
  const field = schema.fields.find(({ name }) => name === keyField);
  if (field?.fieldKind !== "scalar" || field.scalar !== ScalarType.STRING) {
    throw new EventError(`${schema.typeName}: key_field must name a string field (was "${keyField}")`);
  }
  const { localName } = field;
  return {
    schema,
    type,
    aggregate,
    filter: `evt.${type}.*`,
    keyField,
    key: (message) => String((message as Record<string, unknown>)[localName] ?? ""),
    subject: (key) => `evt.${type}.${partitionOf(key)}`,
  };
}

/** The type of the events that travel on a subject. */
export function typeOfSubject(subject: string): string {
  return subject.slice("evt.".length, subject.lastIndexOf("."));
}

/** FNV-1a over the key's UTF-8 bytes: stable over versions and languages, since it is part of every subject. */
export function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % PARTITIONS;
}
