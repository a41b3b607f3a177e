import { type DeadLetter, DeadLetterSchema } from "@antiphon/proto/antiphon/mesh/v1/dead_letter";
import { fromBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import { type Envelope, fromHeaders } from "../src/events/envelope.ts";
import { eventsByType } from "../src/events/event-catalog.ts";
import { DEAD_LETTERS, unlessMissing } from "../src/events/jetstream.ts";
import { requestRelease, requestReplay, skipParked } from "../src/events/operator-requests.ts";
import { type Command, CommandError, columns, type Session, servers, wholeNumber } from "./command.ts";
import { describeEvent } from "./describe.ts";

interface Letter {
  /** Its number in the stream of dead letters. */
  readonly seq: number;
  readonly letter: DeadLetter;
  /** The headers of the event that it is about. */
  readonly headers: MsgHdrs;
}

async function* letters(nc: NatsConnection, consumer: string | undefined): AsyncGenerator<Letter> {
  const info = await (await jetstreamManager(nc)).streams.info(DEAD_LETTERS).catch(unlessMissing);
  if (!info || info.state.messages === 0) return;
  const reader = await jetstream(nc).consumers.get(DEAD_LETTERS);
  for await (const { seq, data } of await reader.consume()) {
    const found = open(seq, data);
    if (!consumer || found.letter.consumer === consumer) yield found;
    if (seq >= info.state.last_seq) return;
  }
}

async function read(nc: NatsConnection, text: string): Promise<Letter> {
  const seq = wholeNumber("SEQ", text);
  const manager = await jetstreamManager(nc);
  const found = await manager.streams.getMessage(DEAD_LETTERS, { seq }).catch(unlessMissing);
  if (!found) throw new CommandError(`there is no dead letter ${seq}; see: antiphon events dead list`);
  return open(seq, found.data);
}

function open(seq: number, data: Uint8Array): Letter {
  const letter = fromBinary(DeadLetterSchema, data);
  const original = headers();
  for (const [name, value] of Object.entries(letter.headers)) original.set(name, value);
  return { seq, letter, headers: original };
}

const list: Command = {
  usage: "events dead list",
  what: "the dead letters, oldest first",
  options: {
    consumer: { value: "NAME", what: "only those of this consumer" },
    json: { what: "one JSON object a line" },
  },
  async run({ nats, print }, args) {
    const rows = [];
    for await (const { seq, letter, headers } of letters(await nats(), args.get("consumer"))) {
      const at = letter.at ? timestampDate(letter.at).toISOString() : "";
      const { consumer, reason, attempts } = letter;
      const [type, key] = [headers.get("ce-type"), headers.get("ce-subject")];
      if (args.has("json")) print(JSON.stringify({ seq, at, consumer, type, key, attempts, reason }));
      else rows.push([String(seq), at, consumer, type, key, String(attempts), reason.slice(0, 80)]);
    }
    if (args.has("json")) return;
    if (rows.length === 0) print("no dead letters");
    else print(columns(["seq", "at", "consumer", "type", "key", "attempts", "reason"], rows));
  },
};

const show: Command = {
  usage: "events dead show SEQ",
  what: "one dead letter: the reason, the stack, and the event as it was",
  options: {},
  async run({ nats, print }, { positionals }) {
    const { seq, letter, headers } = await read(await nats(), positionals[0]!);
    const { consumer, reason, attempts, subject, stack, payload, at } = letter;
    const event = describeEvent(headers, payload);
    const when = at && timestampDate(at).toISOString();
    const shown = { seq, consumer, at: when, attempts, reason, subject, event, headers: letter.headers };
    print(JSON.stringify({ ...shown, payload: Buffer.from(payload).toString("base64") }, undefined, 2));
    print(stack);
  },
};

interface Addressed {
  readonly consumer: string;
  readonly aggregate: string;
  readonly envelope: Envelope;
  readonly payload: Uint8Array;
}

/** What a letter is about; throws {@link CommandError} where it is no event and never can be handled. */
function addressed({ letter, headers }: Letter): Addressed {
  let envelope: Envelope;
  try {
    envelope = fromHeaders(headers);
  } catch (error) {
    throw new CommandError(
      `it is no event (${error instanceof Error ? error.message : error}): it can only be discarded`,
    );
  }
  const aggregate = eventsByType().get(envelope.type)?.aggregate;
  if (!aggregate) throw new CommandError(`its type ${envelope.type} is in no contract of this version`);
  return { consumer: letter.consumer, aggregate, envelope, payload: letter.payload };
}

async function isParked(db: pg.Client, { consumer, envelope }: Addressed): Promise<boolean> {
  const sql = "SELECT FROM inbox_parked WHERE consumer = $1 AND event_id = $2";
  return (await db.query(sql, [consumer, envelope.id])).rowCount === 1;
}

async function remove({ nats }: Session, { seq }: Letter): Promise<void> {
  await (await jetstreamManager(await nats())).streams.deleteMessage(DEAD_LETTERS, seq);
}

const replay: Command = {
  usage: "events dead replay SEQ",
  what: "handles its event again: a parked key goes on from there, in order",
  options: { database: servers.database! },
  async run(session, { positionals }) {
    const letter = await read(await session.nats(), positionals[0]!);
    const about = addressed(letter);
    const { consumer, aggregate, envelope, payload } = about;
    const db = await session.database();
    if (await isParked(db, about)) {
      await requestRelease(db, consumer, aggregate, envelope.key);
      session.print(
        `${consumer} will handle key ${envelope.key} from event ${envelope.keySeq} on, within seconds`,
      );
    } else {
      await requestReplay(db, consumer, [{ envelope, payload }]);
      session.print(
        `${consumer} will handle event ${envelope.keySeq} of key ${envelope.key} again, within seconds`,
      );
    }
    await remove(session, letter);
  },
};

const discard: Command = {
  usage: "events dead discard SEQ",
  what: "gives its event up: a parked key goes on without it",
  options: { database: servers.database! },
  async run(session, { positionals }) {
    const letter = await read(await session.nats(), positionals[0]!);
    if (letter.headers.has("ce-id")) {
      const { consumer, aggregate, envelope } = addressed(letter);
      const db = await session.database();
      await db.query("BEGIN");
      const skipped = await skipParked(db, consumer, aggregate, envelope);
      await db.query("COMMIT");
      if (skipped)
        session.print(`${consumer} goes on with key ${envelope.key} without event ${envelope.keySeq}`);
    }
    await remove(session, letter);
    session.print(`dead letter ${letter.seq} is discarded`);
  },
};

export const dead: readonly Command[] = [list, show, replay, discard];
