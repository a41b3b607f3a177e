import { audit as runAudit } from "../src/events/audit/audit.ts";
import { type Command, CommandError, UsageError } from "./command.ts";

const SHOWN = 50;

export const audit: Command = {
  usage: "events audit",
  what: "compares outboxes, stream, inboxes and effects; exit code 1 where something is lost, doubled or out of order",
  options: {
    database: {
      value: "URL",
      what: "of a service; repeat it for each; default ANTIPHON_DATABASE_URL",
      repeated: true,
    },
    effects: {
      value: "SQL",
      what: "gives consumer, aggregate, key, key_seq of what was applied, in that order",
    },
    json: { what: "the counts and findings as JSON" },
  },
  async run({ nats, print }, args) {
    const given = args.all("database");
    const fallback = process.env.ANTIPHON_DATABASE_URL;
    const databases = given.length > 0 ? given : fallback ? [fallback] : [];
    if (databases.length === 0)
      throw new UsageError("needs --database URL at least once (or ANTIPHON_DATABASE_URL)");
    const { findings, counted } = await runAudit({
      nc: await nats(),
      databases,
      effects: args.get("effects"),
    });
    if (args.has("json")) print(JSON.stringify({ ...counted, findings }));
    else {
      print(
        Object.entries(counted)
          .map(([name, count]) => `${count} ${name}`)
          .join(", "),
      );
      for (const { what, where, key, detail } of findings.slice(0, SHOWN))
        print(`${what}: ${where}, key ${key}: ${detail}`);
      if (findings.length > SHOWN) print(`… and ${findings.length - SHOWN} more`);
    }
    if (findings.length > 0) throw new CommandError(`${findings.length} findings`);
    if (!args.has("json")) print("nothing lost, nothing doubled, nothing out of order");
  },
};
