import type { NodeRequest } from "./front.ts";

/** More than this is not read of a body that was refused. */
const MAX_DROPPED_BYTES = 8 * 1024 * 1024;

/**
 * A request's body. When its reader stops early the rest is read and dropped: unread bytes would block the
 * connection's next request. Where `oneMessage` is all that a client sends, the reader waits for that, since
 * a client that is still sending might not see the answer. One that streams may wait for the answer itself.
 */
export function bodyOf(request: NodeRequest, oneMessage: boolean): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const chunks: AsyncIterator<Uint8Array<ArrayBuffer>> = request.iterator({ destroyOnReturn: false });
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => chunks.next(),
      async return() {
        await chunks.return?.();
        const dropped = dropRest(request);
        if (oneMessage) await dropped;
        return { done: true, value: undefined };
      },
    }),
  };
}

/** Reads the rest of a body into nothing; resolves at its end, or when it is too much to wait for. */
export function dropRest(request: NodeRequest): Promise<void> {
  return new Promise((resolve) => {
    let droppedBytes = 0;
    const done = () => {
      request.off("data", onData);
      for (const event of ENDS) request.off(event, done);
      resolve();
    };
    const onData = (chunk: Buffer) => {
      droppedBytes += chunk.length;
      if (droppedBytes > MAX_DROPPED_BYTES) {
        done();
        // Nobody waits for a client that goes on for ever.
        if (request.httpVersionMajor === 1) request.socket.destroySoon();
      }
    };
    if (request.readableEnded || request.destroyed) return resolve();
    for (const event of ENDS) request.on(event, done);
    request.on("data", onData);
  });
}

const ENDS = ["end", "close", "error"] as const;
