/** Something that must not be. */
export interface Finding {
  readonly what: "lost" | "doubled" | "out of order";
  /** Where: a database's outbox, the stream, a consumer. */
  readonly where: string;
  readonly aggregate: string;
  readonly key: string;
  readonly detail: string;
}

/** An event wherever it is found; what identifies it, and its place in its key. */
export interface Sighting {
  readonly eventId: string;
  readonly aggregate: string;
  readonly key: string;
  readonly keySeq: bigint;
}

/** The key that an event's order hangs on. */
export function orderKey({ aggregate, key }: Pick<Sighting, "aggregate" | "key">): string {
  return `${aggregate} ${key}`;
}

/**
 * Checks sightings in the order in which they were made: the numbers of a key rise by one.
 * @param repeats what to make of an event that comes again: the stream may repeat, an effect may not
 */
export function checkOrder(
  where: string,
  sightings: Iterable<Sighting>,
  repeats: "allowed" | "forbidden",
): Finding[] {
  const findings: Finding[] = [];
  const last = new Map<string, bigint>();
  const seen = new Map<string, Set<bigint>>();
  for (const { aggregate, key, keySeq } of sightings) {
    const id = orderKey({ aggregate, key });
    const find = (what: Finding["what"], detail: string) =>
      findings.push({ what, where, aggregate, key, detail });
    const of = seen.get(id) ?? new Set();
    seen.set(id, of);
    if (of.has(keySeq)) {
      if (repeats === "forbidden") find("doubled", `event ${keySeq} is there more than once`);
      continue;
    }
    of.add(keySeq);
    const before = last.get(id);
    if (before !== undefined && keySeq < before)
      find("out of order", `event ${keySeq} comes after ${before}`);
    if (before === undefined || keySeq > before) last.set(id, keySeq);
  }
  for (const [id, numbers] of seen) findings.push(...holes(where, id, numbers));
  return findings;
}

function holes(where: string, id: string, numbers: ReadonlySet<bigint>): Finding[] {
  const [aggregate = "", key = ""] = splitOnce(id);
  const sorted = Array.from(numbers).sort((a, b) => (a < b ? -1 : 1));
  return sorted.flatMap((number, i) => {
    const before = sorted[i - 1];
    if (before === undefined || number === before + 1n) return [];
    const missing =
      number - before === 2n ? `event ${before + 1n} is` : `events ${before + 1n} to ${number - 1n} are`;
    return [{ what: "lost" as const, where, aggregate, key, detail: `${missing} missing` }];
  });
}

function splitOnce(id: string): [string, string] {
  const at = id.indexOf(" ");
  return [id.slice(0, at), id.slice(at + 1)];
}
