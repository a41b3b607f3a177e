/** Room left between neighbours: twenty insertions at the same spot before a list is numbered anew. */
const STEP = 2 ** 20;

/**
 * Sort keys for a list, changing as few as it can.
 *
 * @param order item ids in the order wanted
 * @param known sort keys that may stay; they ascend in the order wanted. Safe integers.
 * @returns the keys to write. All of them where there is no room between two that stay.
 */
export function sortKeys(order: readonly string[], known: ReadonlyMap<string, number>): Map<string, number> {
  const written = new Map<string, number>();
  let index = 0;
  while (index < order.length) {
    if (known.has(order[index]!)) {
      index += 1;
      continue;
    }
    const start = index;
    while (index < order.length && !known.has(order[index]!)) index += 1;
    const run = order.slice(start, index);
    const keys = keysBetween(known.get(order[start - 1] ?? ""), known.get(order[index] ?? ""), run.length);
    if (!keys) return new Map(order.map((id, position) => [id, (position + 1) * STEP]));
    run.forEach((id, position) => {
      written.set(id, keys[position]!);
    });
  }
  return written;
}

/** `count` ascending integers strictly between two others, or `undefined` where they do not fit. */
function keysBetween(
  before: number | undefined,
  after: number | undefined,
  count: number,
): number[] | undefined {
  const step = before === undefined || after === undefined ? STEP : (after - before) / (count + 1);
  if (step < 1) return undefined;
  const origin = before ?? (after === undefined ? 0 : after - STEP * (count + 1));
  return Array.from({ length: count }, (_, position) => origin + Math.floor(step * (position + 1)));
}
