/**
 * Each message of `input` as `map` makes it. Not a generator: one that waits for its next message could not be
 * told that nobody reads on.
 */
export function mapped<T, U>(input: AsyncIterable<T>, map: (message: T) => U | Promise<U>): AsyncIterable<U> {
  return {
    [Symbol.asyncIterator]() {
      const source = input[Symbol.asyncIterator]();
      return {
        async next() {
          const next = await source.next();
          return next.done ? { done: true, value: undefined } : { done: false, value: await map(next.value) };
        },
        async return() {
          await source.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
