import { jetstreamManager } from "@nats-io/jetstream";
import { DEAD_LETTERS, EVENTS, unlessMissing } from "../src/events/jetstream.ts";
import { type Command, CommandError, columns } from "./command.ts";

/** Consumers of read models are made anew all the time, and named by chance. */
const isGroup = (durable: string | undefined): durable is string => durable !== undefined;

export const lag: Command = {
  usage: "events lag",
  what: "how far each consumer is: what waits for it, what it has in hand, its dead letters",
  options: { json: { what: "one JSON object a line" } },
  async run({ nats, print }, args) {
    const manager = await jetstreamManager(await nats());
    if (!(await manager.streams.info(EVENTS).catch(unlessMissing))) {
      throw new CommandError(`the broker has no stream ${EVENTS}: no service has published yet`);
    }
    const letters = await manager.streams
      .info(DEAD_LETTERS, { subjects_filter: "dlq.>" })
      .catch(unlessMissing);
    const bySubject = Object.entries(letters?.state.subjects ?? {});
    const rows = [];
    for await (const { config, num_pending, num_ack_pending, num_redelivered } of manager.consumers.list(
      EVENTS,
    )) {
      const { durable_name: consumer } = config;
      if (!isGroup(consumer)) continue;
      const dead = bySubject.filter(([subject]) => subject.endsWith(`.${consumer}`));
      const deadLetters = dead.reduce((sum, [, count]) => sum + count, 0);
      rows.push({
        consumer,
        pending: num_pending,
        inHand: num_ack_pending,
        again: num_redelivered,
        deadLetters,
      });
    }
    rows.sort((a, b) => a.consumer.localeCompare(b.consumer));
    if (args.has("json")) for (const row of rows) print(JSON.stringify(row));
    else {
      const cells = rows.map((row) => Object.values(row).map(String));
      print(columns(["consumer", "pending", "in hand", "again", "dead letters"], cells));
    }
  },
};
