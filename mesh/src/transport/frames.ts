import { promisify } from "node:util";
import { constants, gunzipSync, gzip } from "node:zlib";

const PREFIX_BYTES = 5;
const COMPRESSED = 1;
const EMPTY = new Uint8Array(0);

/** Puts the five-byte prefix of gRPC before a message: not compressed, its length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** The message in what `frame` has made. A view, no copy. */
export function unframed(framed: Uint8Array): Uint8Array {
  return framed.subarray(PREFIX_BYTES);
}

/** How long the message in what `frame` has made is. */
export function bodyBytes(framed: Uint8Array): number {
  return framed.length - PREFIX_BYTES;
}

const compress = promisify(gzip);

/** What `frame` has made, with its message compressed by gzip, on a thread beside the event loop. */
export async function gzipped(framed: Uint8Array): Promise<Buffer> {
  const smaller = frame(await compress(unframed(framed), { level: constants.Z_BEST_SPEED }));
  smaller[0] = COMPRESSED;
  return smaller;
}

/** The message of a chunk that holds exactly one; undefined for anything else. A view, no copy. */
export function wholeMessage(chunk: Uint8Array, maxBytes: number): Uint8Array | undefined {
  const length = chunk.length - PREFIX_BYTES;
  const isWhole = length >= 0 && length <= maxBytes && chunk[0] === 0 && lengthIn(chunk) === length;
  return isWhole ? chunk.subarray(PREFIX_BYTES) : undefined;
}

function lengthIn(prefix: Uint8Array): number {
  return ((prefix[1]! << 24) | (prefix[2]! << 16) | (prefix[3]! << 8) | prefix[4]!) >>> 0;
}

/** What is wrong with the bytes of a peer. */
export type FrameFault = "compressed" | "too large" | "not gzip";

/**
 * Cuts a byte stream into messages. A message that arrives whole in one chunk is a view of it, without a
 * copy; one in pieces is copied once, into a buffer of its announced length.
 */
export class Deframer {
  readonly #maxBytes: number;
  readonly #isGzip: boolean;
  readonly #onMessage: (message: Uint8Array) => void;
  #prefix: Uint8Array = EMPTY;
  #body: Uint8Array | undefined;
  #filled = 0;
  #isCompressed = false;
  #fault: FrameFault | undefined;

  /**
   * @param maxBytes what a message may have, also after it is decompressed
   * @param isGzip whether messages may be compressed, by gzip
   */
  constructor(maxBytes: number, isGzip: boolean, onMessage: (message: Uint8Array) => void) {
    this.#maxBytes = maxBytes;
    this.#isGzip = isGzip;
    this.#onMessage = onMessage;
  }

  /** True between messages: the stream may end here. */
  get atBoundary(): boolean {
    return this.#body === undefined && this.#prefix.length === 0;
  }

  /** Takes in a chunk; a fault means that the rest cannot be understood. */
  push(chunk: Uint8Array): FrameFault | undefined {
    let rest = chunk;
    while (rest.length > 0 && !this.#fault)
      rest = this.#body ? this.#fill(this.#body, rest) : this.#begin(rest);
    return this.#fault;
  }

  #begin(chunk: Uint8Array): Uint8Array {
    const head = this.#prefix.length === 0 ? chunk : Buffer.concat([this.#prefix, chunk]);
    if (head.length < PREFIX_BYTES) {
      this.#prefix = Uint8Array.from(head);
      return EMPTY;
    }
    this.#prefix = EMPTY;
    this.#isCompressed = head[0] === COMPRESSED;
    const length = lengthIn(head);
    if (head[0] !== 0 && !(this.#isCompressed && this.#isGzip)) this.#fault = "compressed";
    else if (length > this.#maxBytes) this.#fault = "too large";
    else if (head.length >= PREFIX_BYTES + length) {
      this.#take(head.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
      return head.subarray(PREFIX_BYTES + length);
    } else {
      this.#body = new Uint8Array(length);
      this.#filled = 0;
    }
    return head.subarray(PREFIX_BYTES);
  }

  #fill(body: Uint8Array, chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, body.length - this.#filled);
    body.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === body.length) {
      this.#body = undefined;
      this.#take(body);
    }
    return chunk.subarray(part.length);
  }

  #take(message: Uint8Array): void {
    if (!this.#isCompressed) {
      this.#onMessage(message);
      return;
    }
    let inflated: Uint8Array;
    try {
      inflated = gunzipSync(message, { maxOutputLength: this.#maxBytes });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#fault = code === "ERR_BUFFER_TOO_LARGE" ? "too large" : "not gzip";
      return;
    }
    this.#onMessage(inflated);
  }
}
