import { randomBytes } from "node:crypto";
import { backing, freshDatabase, until } from "@antiphon/mesh/testing";
import {
  event as eventOption,
  file_antiphon_options_v1_options as optionsFile,
} from "@antiphon/proto/antiphon/options/v1/options";
import {
  create,
  createFileRegistry,
  type DescMessage,
  type MessageShape,
  setExtension,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  MessageOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import { pino } from "pino";
import { Registry } from "prom-client";
import { openPool, withTransaction } from "../database.ts";
import { event, eventMigrations, type Outbox, openOutbox } from "./index.ts";

/** Contracts of a test's own, so that tests that share a broker do not read each other's events. */
export interface ThingEvents {
  /** Aggregate `<domain>.thing`, key `thing_id`. */
  readonly made: DescMessage;
  /** The same aggregate. */
  readonly painted: DescMessage;
  /** Another aggregate of the same file, `<domain>.other`. */
  readonly other: DescMessage;
  /** No event. */
  readonly plain: DescMessage;
}

export function thingEvents(domain = `t${randomBytes(6).toString("hex")}`): ThingEvents {
  const message = (name: string, semantics?: { type: string; aggregate: string }) => {
    const options = create(MessageOptionsSchema);
    if (semantics) {
      const { type, aggregate } = semantics;
      setExtension(options, eventOption, {
        $typeName: "antiphon.options.v1.EventSemantics",
        type: `${domain}.${type}.v1`,
        aggregate: `${domain}.${aggregate}`,
        keyField: "thing_id",
      });
    }
    const field = (fieldName: string, number: number, type: FieldDescriptorProto_Type) => ({
      name: fieldName,
      number,
      type,
      jsonName: fieldName,
    });
    return {
      name,
      field: [
        field("thing_id", 1, FieldDescriptorProto_Type.STRING),
        field("color", 2, FieldDescriptorProto_Type.STRING),
        field("size", 3, FieldDescriptorProto_Type.UINT32),
      ],
      options,
    };
  };
  const file = create(FileDescriptorProtoSchema, {
    name: `${domain}/events.proto`,
    package: domain,
    syntax: "proto3",
    dependency: [optionsFile.proto.name],
    messageType: [
      message("ThingMade", { type: "thing_made", aggregate: "thing" }),
      message("ThingPainted", { type: "thing_painted", aggregate: "thing" }),
      message("OtherSeen", { type: "other_seen", aggregate: "other" }),
      message("Plain"),
    ],
  });
  const registry = createFileRegistry(file, (name) =>
    name === optionsFile.proto.name ? optionsFile : undefined,
  );
  const get = (name: string) => {
    const found = registry.getMessage(`${domain}.${name}`);
    if (!found) throw new Error(`no message ${name}`);
    return found;
  };
  return {
    made: get("ThingMade"),
    painted: get("ThingPainted"),
    other: get("OtherSeen"),
    plain: get("Plain"),
  };
}

/** The color that a message of these contracts carries. */
export function colorOf(schema: DescMessage, message: MessageShape<DescMessage>): string {
  const field = schema.fields.find(({ name }) => name === "color");
  return field ? String(reflect(schema, message).get(field)) : "";
}

/** A message of one of these contracts. */
export function thing(schema: DescMessage, thingId: string, color = ""): MessageShape<DescMessage> {
  const message = reflect(schema);
  const set = (name: string, value: string) => {
    const field = schema.fields.find((each) => each.name === name);
    if (field) message.set(field, value);
  };
  set("thing_id", thingId);
  set("color", color);
  return message.message;
}

/** A writer with its database, and what consumers beside it need. */
export interface EventRig {
  readonly pool: pg.Pool;
  readonly nc: NatsConnection;
  readonly metrics: Registry;
  readonly outbox: Outbox;
  readonly deps: {
    readonly pool: pg.Pool;
    readonly nats: () => Promise<NatsConnection>;
    readonly log: pino.Logger;
    readonly metrics: Registry;
    readonly signal: AbortSignal;
  };
  /** Publishes in a transaction of its own. */
  publish(schema: DescMessage, thingId: string, color?: string): Promise<void>;
  /** The value of a sample, by its name with labels as it is scraped; 0 where there is none. */
  sample(name: string): Promise<number>;
  close(): Promise<void>;
}

export interface RigOptions {
  /** Default: the test run's. */
  readonly natsUrl?: string;
  /** Default: a database of the rig's own. */
  readonly databaseUrl?: string;
}

export async function eventRig(options: RigOptions = {}): Promise<EventRig> {
  const { natsUrl = backing().natsUrl, databaseUrl } = options;
  const database = databaseUrl ? { url: databaseUrl, drop: async () => {} } : await freshDatabase();
  const pool = openPool(database.url, { max: 30 });
  await eventMigrations(pool);
  const nc = await connect({ servers: natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const metrics = new Registry();
  const closed = new AbortController();
  const deps = {
    pool,
    nats: async () => nc,
    log: pino({ level: "silent" }),
    metrics,
    signal: closed.signal,
  };
  const outbox = openOutbox({ ...deps, service: "rig" });
  return {
    pool,
    nc,
    metrics,
    outbox,
    deps,
    publish: (schema, thingId, color) =>
      withTransaction(pool, (tx) => outbox.publish(tx, event(schema), thing(schema, thingId, color))),
    async sample(name) {
      const line = (await metrics.metrics()).split("\n").find((each) => each.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1) ?? 0);
    },
    async close() {
      closed.abort();
      await outbox.stop();
      await nc.close();
      await until(() => pool.totalCount === pool.idleCount, { what: "every connection returned" });
      await pool.end();
      await database.drop();
    },
  };
}
