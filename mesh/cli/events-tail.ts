import { eventsByType } from "../src/events/event-catalog.ts";
import { type Command, pointInTime, UsageError } from "./command.ts";
import { describeEvent } from "./describe.ts";
import { readStream } from "./stream-reader.ts";

/** Throws {@link UsageError} for a type that no contract has. */
function requireKnown(type: string): void {
  if (eventsByType().has(type)) return;
  const types = Array.from(eventsByType().keys()).sort().join(", ");
  throw new UsageError(`--type "${type}" is in no contract; there are ${types}`);
}

export const tail: Command = {
  usage: "events tail",
  what: "prints events as they come, one JSON object a line; Ctrl-C ends it",
  options: {
    since: { value: "TIME", what: "also what came since then; default now" },
    type: {
      value: "TYPE",
      what: "only this type, such as playlist.track_liked.v1; may be repeated",
      repeated: true,
    },
    key: { value: "KEY", what: "only events of this key" },
    end: { what: "ends with what is there now" },
  },
  async run({ nats, print, signal }, args) {
    const since = args.get("since");
    const key = args.get("key");
    const types = args.all("type");
    types.forEach(requireKnown);
    const query = {
      since: since ? pointInTime("--since", since) : new Date(),
      ...(types.length > 0 ? { types } : {}),
      follow: !args.has("end"),
      signal,
    };
    for await (const { headers, data, seq } of readStream(await nats(), query)) {
      if (key !== undefined && headers?.get("ce-subject") !== key) continue;
      print(JSON.stringify({ seq, ...describeEvent(headers, data) }));
    }
  },
};
