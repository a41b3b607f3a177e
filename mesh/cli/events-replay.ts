import type { JsMsg } from "@nats-io/jetstream";
import { jetstreamManager } from "@nats-io/jetstream";
import { typesReadBy } from "../src/events/durable-consumer.ts";
import { fromHeaders } from "../src/events/envelope.ts";
import { EVENTS, unlessMissing } from "../src/events/jetstream.ts";
import { type ReplayedEvent, requestReplay } from "../src/events/operator-requests.ts";
import { type Arguments, type Command, CommandError, pointInTime, UsageError } from "./command.ts";
import { readStream } from "./stream-reader.ts";

/** What is chosen: every condition that was given must hold. */
function chooser(args: Arguments): (message: JsMsg) => boolean {
  const [key, id, until] = [args.get("key"), args.get("id"), args.get("until")];
  if (!key && !id && !args.get("since")) throw new UsageError("events replay needs --since, --key or --id");
  const end = until ? pointInTime("--until", until).getTime() : Number.POSITIVE_INFINITY;
  return ({ headers, timestampNanos }) =>
    (!key || headers?.get("ce-subject") === key) &&
    (!id || headers?.get("ce-id") === id) &&
    Number(timestampNanos / 1_000_000n) <= end;
}

export const replay: Command = {
  usage: "events replay",
  what: "a consumer handles events of the stream again, past its inbox: for effects that were wrong",
  options: {
    consumer: { value: "NAME", what: "who handles them; required" },
    since: { value: "TIME", what: "those that came since then, such as 2h" },
    until: { value: "TIME", what: "those that came before then" },
    key: { value: "KEY", what: "those of this key" },
    id: { value: "UUID", what: "this one" },
    yes: { what: "without it, it only says how many there are" },
  },
  async run({ nats, database, print }, args) {
    const consumer = args.get("consumer");
    if (!consumer) throw new UsageError("events replay needs --consumer NAME; see: antiphon events lag");
    const chosen = chooser(args);
    const since = args.get("since");
    const nc = await nats();
    const info = await (await jetstreamManager(nc)).consumers.info(EVENTS, consumer).catch(unlessMissing);
    if (!info) throw new CommandError(`there is no consumer ${consumer}; see: antiphon events lag`);
    const events: ReplayedEvent[] = [];
    const query = {
      since: since ? pointInTime("--since", since) : undefined,
      types: typesReadBy(info.config),
    };
    for await (const message of readStream(nc, query)) {
      if (!message.headers?.has("ce-id") || !chosen(message)) continue;
      events.push({ envelope: fromHeaders(message.headers), payload: message.data });
    }
    if (!args.has("yes")) {
      print(`${events.length} events; with --yes, ${consumer} handles them again`);
      return;
    }
    const db = await database();
    await db.query("BEGIN");
    await requestReplay(db, consumer, events);
    await db.query("COMMIT");
    print(`${consumer} will handle ${events.length} events again`);
  },
};
