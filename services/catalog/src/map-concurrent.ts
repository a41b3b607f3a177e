/**
 * Maps items with at most `limit` of them under way, and yields the results as they come. A reader that
 * stops reading stops the start of further items; those under way are waited for.
 */
export async function* mapConcurrent<T, R>(
  items: Iterable<T>,
  limit: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running = new Set<Promise<{ result: R; settled: () => void }>>();
  const next = items[Symbol.iterator]();
  function start(): void {
    const item = next.next();
    if (item.done) return;
    const task: Promise<{ result: R; settled: () => void }> = map(item.value).then((result) => ({
      result,
      settled: () => running.delete(task),
    }));
    running.add(task);
  }
  try {
    for (let i = 0; i < limit; i++) start();
    while (running.size > 0) {
      const { result, settled } = await Promise.race(running);
      settled();
      yield result;
      start();
    }
  } finally {
    await Promise.allSettled(running);
  }
}
