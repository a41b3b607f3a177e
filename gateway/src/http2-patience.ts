import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";

export interface Http2Patience {
  /** A connection must open its first stream within it. */
  readonly headersTimeoutMs: number;
  /** A request must have arrived whole within it. */
  readonly requestTimeoutMs: number;
  /** A stream whose client takes nothing of what waits for it is reset after so long. */
  readonly writeTimeoutMs: number;
  /** A connection without a stream for so long is closed. */
  readonly idleTimeoutMs: number;
}

/** A connection that has not taken what ends it, or one of its streams, by then takes nothing at all. */
const LAST_WORD_MS = 1_000;

/**
 * Bounds what a client of HTTP/2 may take its time for: of HTTP/1.1 Node's server does it. Bytes alone keep no
 * connection, be they pings or headers without end: only a stream does.
 */
export function boundPatience(session: ServerHttp2Session, socket: Socket, patience: Http2Patience): void {
  const { headersTimeoutMs, requestTimeoutMs, writeTimeoutMs, idleTimeoutMs } = patience;
  /** Ends it in order where its client takes that. */
  const orCut = (isOver: () => boolean) =>
    setTimeout(() => {
      if (!isOver()) socket.destroy();
    }, LAST_WORD_MS);
  const leave = () => {
    session.close();
    orCut(() => session.destroyed);
  };
  const reset = (stream: ServerHttp2Stream) => {
    stream.close(constants.NGHTTP2_CANCEL);
    orCut(() => stream.destroyed);
  };

  let streams = 0;
  let idle = setTimeout(leave, headersTimeoutMs);
  session.once("close", () => clearTimeout(idle));
  session.on("stream", (stream) => {
    clearTimeout(idle);
    streams++;
    const late = setTimeout(() => {
      if (stream.state.state === constants.NGHTTP2_STREAM_STATE_OPEN) reset(stream);
    }, requestTimeoutMs);
    stream.setTimeout(writeTimeoutMs);
    stream.on("timeout", () => {
      // One to which there is nothing to send is left alone.
      if (stream.bufferSize > 0) reset(stream);
    });
    stream.once("close", () => {
      clearTimeout(late);
      streams--;
      if (streams === 0 && !session.destroyed) idle = setTimeout(leave, idleTimeoutMs);
    });
  });
}
