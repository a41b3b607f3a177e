import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { tooLarge } from "./exchange.ts";

/** What stands before each message: one byte of flags, four of length. */
export const PREFIX_BYTES = 5;

const COMPRESSED = 1;

/**
 * The one message of a request. Throws what the protocols ask for: `unimplemented` for none or several,
 * `internal` for one that is compressed without saying how, `invalid_argument` for what is no envelope.
 */
export async function onlyMessage(
  body: Uint8Array,
  compression: Compression | null,
  maxBytes: number,
): Promise<Uint8Array> {
  if (body.length === 0) throw new ConnectError("the request has no message", Code.Unimplemented);
  if (body.length < PREFIX_BYTES) throw truncated();
  const flags = body[0]!;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (flags > COMPRESSED) throw new ConnectError(`unknown envelope flags ${flags}`, Code.InvalidArgument);
  if (length > maxBytes) throw tooLarge(maxBytes);
  if (body.length < PREFIX_BYTES + length) throw truncated();
  if (body.length > PREFIX_BYTES + length) {
    throw new ConnectError("the request has more than one message", Code.Unimplemented);
  }
  const message = body.subarray(PREFIX_BYTES);
  if (flags !== COMPRESSED) return message;
  if (!compression) {
    throw new ConnectError("the message is compressed, but no header says how", Code.Internal);
  }
  return compression.decompress(message as Uint8Array<ArrayBuffer>, maxBytes);
}

/** Puts a message, or the end of a stream, into its envelope. */
export async function envelope(
  message: Uint8Array,
  compression: Compression | null,
  flags = 0,
): Promise<Uint8Array> {
  const body = compression ? await compression.compress(message as Uint8Array<ArrayBuffer>) : message;
  const enveloped = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
  enveloped[0] = compression ? flags | COMPRESSED : flags;
  enveloped.writeUInt32BE(body.length, 1);
  enveloped.set(body, PREFIX_BYTES);
  return enveloped;
}

function truncated(): ConnectError {
  return new ConnectError("the request ends in the middle of a message", Code.InvalidArgument);
}
