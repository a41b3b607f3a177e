import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { EventError, type EventType, eventsIn } from "./event-type.ts";

let catalog: Map<string, EventType[]> | undefined;

/** Every event of the contracts, by aggregate; read once, on first use. */
function eventCatalog(): Map<string, EventType[]> {
  if (!catalog) {
    const path = fileURLToPath(import.meta.resolve("@antiphon/proto/descriptors"));
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
    catalog = Map.groupBy(Array.from(registry.files).flatMap(eventsIn), ({ aggregate }) => aggregate);
  }
  return catalog;
}

/** The events of an aggregate, such as "catalog.track". Throws {@link EventError} for one that no contract has. */
export function eventsOf(aggregate: string): readonly EventType[] {
  const events = eventCatalog().get(aggregate);
  if (events) return events;
  const known = Array.from(eventCatalog().keys()).sort().join(", ");
  throw new EventError(`no event belongs to aggregate "${aggregate}"; there are ${known}`);
}

/** Every event of the contracts, by its type. */
export function eventsByType(): ReadonlyMap<string, EventType> {
  const all = Array.from(eventCatalog().values()).flat();
  return new Map(all.map((each) => [each.type, each]));
}
