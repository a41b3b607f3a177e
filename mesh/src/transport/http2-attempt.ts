import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import { Code } from "@connectrpc/connect";
import { fateOf } from "../resilience/load-headers.ts";
import type { StatusCode } from "../resilience/verdict.ts";
import type { Attempt, AttemptObserver, AttemptRequest, Outcome } from "./connection.ts";
import { Deframer, type FrameFault, wholeMessage } from "./frames.ts";
import { codeOfHttpStatus, type ErrorDetail, statusOf, type WireStatus } from "./status.ts";

const NOTHING: IncomingHttpHeaders = {};
const NO_DETAILS: readonly ErrorDetail[] = [];

/** What an attempt must know of its connection to tell why its stream ended. */
export interface StreamFate {
  /** Why the connection went; undefined while it stands. */
  lostBecause(): string | undefined;
  /** Whether the peer said, by GOAWAY, that it never looked at this stream. */
  wasRefused(streamId: number | undefined): boolean;
  /** A sign of life came. */
  heard(): void;
}

/** The attempt of each stream, so that all streams can share their listeners. */
const ATTEMPT = Symbol("attempt");

type AttemptStream = ClientHttp2Stream & { [ATTEMPT]?: Http2Attempt | undefined };

/**
 * An attempt on a stream of `node:http2`.
 *
 * This is the hot path of a call, so it allocates little: no closures for the stream's events, and no
 * deframer for a message that arrives whole in one chunk, as nearly all do.
 */
export class Http2Attempt implements Attempt {
  readonly #stream: AttemptStream;
  readonly #observer: AttemptObserver;
  readonly #fate: StreamFate;
  readonly #maxMessageBytes: number;
  #deframer: Deframer | undefined;
  #header: IncomingHttpHeaders | undefined;
  #trailer: IncomingHttpHeaders | undefined;
  #message: Uint8Array | undefined;
  #drain: PromiseWithResolvers<void> | undefined;
  #ended = false;

  constructor(
    stream: ClientHttp2Stream,
    request: AttemptRequest,
    observer: AttemptObserver,
    fate: StreamFate,
  ) {
    this.#stream = stream;
    this.#stream[ATTEMPT] = this;
    this.#observer = observer;
    this.#fate = fate;
    this.#maxMessageBytes = request.maxMessageBytes;
    stream.on("response", onResponse);
    stream.on("data", onData);
    stream.on("trailers", onTrailers);
    stream.on("error", ignore);
    stream.on("close", onClose);
    if (request.body) stream.end(request.body);
  }

  write(frame: Uint8Array): boolean {
    return this.#stream.writable ? this.#stream.write(frame) : true;
  }

  drained(): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed || !stream.writableNeedDrain) return Promise.resolve();
    if (!this.#drain) {
      this.#drain = Promise.withResolvers();
      stream.once("drain", onDrain);
    }
    return this.#drain.promise;
  }

  finish(): void {
    if (this.#stream.writable) this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  cancel(): void {
    this.#letGo();
    this.#reset();
  }

  /** `isAll`: neither messages nor a trailer will come. */
  heardHeader(header: IncomingHttpHeaders, isAll: boolean): void {
    this.#fate.heard();
    const type = header["content-type"];
    if (Number(header[":status"]) !== 200) {
      const text = `the peer answered HTTP ${header[":status"]}`;
      const code = codeOfHttpStatus(Number(header[":status"]));
      // Who knows no such path, and does not say so in gRPC, has no handlers.
      const reached = code !== Code.Unimplemented;
      this.#end(statusOf(header) ?? { code, text, details: NO_DETAILS }, { reached });
    } else if (type === undefined || !type.startsWith("application/grpc")) {
      this.#fail(Code.Unknown, `the peer answered with content-type ${type ?? "(none)"}, not gRPC`);
    } else if (isAll) this.heardTrailer(header);
    else {
      this.#header = header;
      this.#observer.header(header);
    }
  }

  heardChunk(chunk: Uint8Array): void {
    if (this.#ended) return;
    const whole = this.#deframer ? undefined : wholeMessage(chunk, this.#maxMessageBytes);
    if (whole) this.#take(whole);
    else {
      const isGzip = this.#header?.["grpc-encoding"] === "gzip";
      this.#deframer ??= new Deframer(this.#maxMessageBytes, isGzip, (message) => this.#take(message));
      const fault = this.#deframer.push(chunk);
      if (fault) this.#onFault(fault);
    }
  }

  heardTrailer(trailer: IncomingHttpHeaders): void {
    this.#trailer = trailer;
    // A paused stream still has messages to give; then its close comes after the last of them.
    if (this.#stream.readableLength === 0) this.conclude();
  }

  /** Lets go on whoever waits to write; also when there is nothing to write to any more. */
  release(): void {
    this.#drain?.resolve();
    this.#drain = undefined;
  }

  /** The stream is over: says how it ended from all that is known. */
  conclude(): void {
    if (this.#ended) return;
    const status = this.#trailer && statusOf(this.#trailer);
    if (status && status.code === 0 && this.#deframer && !this.#deframer.atBoundary) {
      this.#fail(Code.Internal, "the answer ended in the middle of a message");
    } else if (status) this.#end(status, status.code === 0 ? undefined : fateOf(status.code, this.#trailer!));
    else this.#endByReset();
  }

  #take(message: Uint8Array): void {
    if (this.#ended) return;
    this.#message = message;
    this.#observer.message(message);
  }

  #onFault(fault: FrameFault): void {
    if (this.#ended) return;
    if (fault === "compressed") {
      const encoding = this.#header?.["grpc-encoding"] ?? "(none)";
      this.#fail(Code.Internal, `the peer compressed a message with grpc-encoding ${encoding}, not gzip`);
    } else if (fault === "not gzip") this.#fail(Code.Internal, "a message of the peer is not valid gzip");
    else {
      const text = `a message is larger than the limit of ${this.#maxMessageBytes} bytes`;
      this.#end({ code: Code.ResourceExhausted, text, details: NO_DETAILS }, { blame: false });
    }
  }

  #endByReset(): void {
    const stream = this.#stream;
    const lost = this.#fate.lostBecause();
    const unsent = stream.pending || stream.id === undefined;
    const refused =
      unsent ||
      this.#fate.wasRefused(stream.id) ||
      (this.#header === undefined && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM);
    if (lost !== undefined || refused) {
      const text = lost ?? "the peer refused the stream";
      this.#end({ code: Code.Unavailable, text, details: NO_DETAILS }, { reached: !refused });
    } else if (stream.rstCode === constants.NGHTTP2_NO_ERROR) {
      this.#fail(Code.Internal, "the answer ended without a status");
    } else {
      this.#fail(codeOfReset(stream.rstCode), `the peer reset the stream (HTTP/2 error ${stream.rstCode})`);
    }
  }

  #fail(code: StatusCode, text: string): void {
    this.#end({ code, text, details: NO_DETAILS });
  }

  #end(status: WireStatus, { reached = true, blame = true } = {}): void {
    if (this.#ended) return;
    this.#letGo();
    const outcome: Outcome = {
      code: status.code,
      text: status.text,
      details: status.details,
      header: this.#header ?? NOTHING,
      trailer: this.#trailer ?? NOTHING,
      message: this.#message,
      reached,
      blame,
    };
    if (this.#trailer === undefined) this.#reset();
    this.#observer.end(outcome);
  }

  /**
   * node:http2 keeps a stream for some time after its end; with the call hanging from it, most calls would
   * outlive a garbage collection of young objects and be copied by it.
   */
  #letGo(): void {
    this.#ended = true;
    this.#stream[ATTEMPT] = undefined;
    this.release();
  }

  #reset(): void {
    if (this.#stream.destroyed || this.#stream.closed) return;
    this.#stream.close(constants.NGHTTP2_CANCEL);
    // Unread data would keep the closed stream alive.
    this.#stream.resume();
  }
}

function onResponse(this: AttemptStream, header: IncomingHttpHeaders, flags: number): void {
  this[ATTEMPT]?.heardHeader(header, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
}

function onData(this: AttemptStream, chunk: Buffer): void {
  this[ATTEMPT]?.heardChunk(chunk);
}

function onTrailers(this: AttemptStream, trailer: IncomingHttpHeaders): void {
  this[ATTEMPT]?.heardTrailer(trailer);
}

function onClose(this: AttemptStream): void {
  this[ATTEMPT]?.release();
  this[ATTEMPT]?.conclude();
}

function onDrain(this: AttemptStream): void {
  this[ATTEMPT]?.release();
}

/** What an error means is read from the state of stream and connection when it has closed. */
function ignore(): void {}

/** gRPC over HTTP/2, "Errors". A peer that gives up by CANCEL is unavailable: it is not us who cancelled. */
function codeOfReset(rstCode: number): Code {
  switch (rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
    case constants.NGHTTP2_CANCEL:
      return Code.Unavailable;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return Code.ResourceExhausted;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return Code.PermissionDenied;
    default:
      return Code.Internal;
  }
}
