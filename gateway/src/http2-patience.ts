import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";

export interface Http2Patience {
  /** A connection must open its first stream within it. */
  readonly headersTimeoutMs: number;
  /** A request must have arrived whole within it; a stream of messages must not be silent for as long. */
  readonly requestTimeoutMs: number;
  /** A stream whose client takes nothing of what waits for it is reset after so long. */
  readonly writeTimeoutMs: number;
  /** A connection without a stream for so long is closed. */
  readonly idleTimeoutMs: number;
}

/** Whether clients send a stream of messages to a path. */
export type TakesStream = (path: string) => boolean;

/** A connection that has not taken what ends it, or one of its streams, by then takes nothing at all. */
const LAST_WORD_MS = 1_000;

/**
 * Bounds what a client of HTTP/2 may take its time for: of HTTP/1.1 Node's server does it. Bytes alone keep no
 * connection, be they pings or headers without end: only a stream does.
 */
export function boundPatience(
  session: ServerHttp2Session,
  socket: Socket,
  patience: Http2Patience,
  takesStream: TakesStream,
): void {
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
  session.on("stream", (stream, { ":path": path = "" }) => {
    clearTimeout(idle);
    streams++;
    const isStream = takesStream(path);
    /** Its client may go on sending until it has been answered. */
    const goesOn = () => isStream && !stream.writableEnded;
    const late = setTimeout(() => {
      if (stream.state.remoteClose) return;
      // What was sent last is still to be taken: it is not the client that is silent.
      if (goesOn() && stream.isPaused()) late.refresh();
      else reset(stream);
    }, requestTimeoutMs);
    const heard = () => {
      if (goesOn()) late.refresh();
    };
    // Not before somebody reads, who would miss what we hear.
    if (isStream) stream.once("resume", () => stream.on("data", heard));
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
