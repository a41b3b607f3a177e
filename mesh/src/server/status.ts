import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { isDatabaseAway, isUnstorableText } from "../database.ts";
import { CallError } from "../errors.ts";
import { PageTokenError } from "../page-token.ts";
import { LOAD_HEADER, NACK_HEADER, PUSHBACK_HEADER } from "../resilience/load-headers.ts";

/** Trailers have to fit into one header block; peers commonly stop at 8 KiB. */
const MAX_MESSAGE_CHARS = 2_000;
const MAX_DETAILS_BYTES = 4_096;

/**
 * What the caller is told of an error. A ConnectError is told as it is; of anything else only that it
 * happened, since its message was not written for callers.
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const told = (message: string, code: Code) => new ConnectError(message, code, undefined, undefined, error);
  if (error instanceof PageTokenError) return told(error.message, Code.InvalidArgument);
  if (isDatabaseAway(error)) return told("a store of this service is away, try again", Code.Unavailable);
  if (isUnstorableText(error)) {
    return told("a text in the request holds a NUL character, which cannot be kept", Code.InvalidArgument);
  }
  return told("internal error", Code.Internal);
}

/**
 * The gRPC status of an error: code, message, its metadata as trailers, its details in
 * `grpc-status-details-bin`. What a further hop made unavailable is not to be sent again: it was tried
 * there, and each hop that tries again multiplies the load on whoever is in trouble.
 */
export function toStatus(error: ConnectError): StatusObject {
  // A lone surrogate would make the percent-encoding of the message throw.
  const message = error.rawMessage.toWellFormed().slice(0, MAX_MESSAGE_CHARS);
  const metadata = new Metadata();
  // What a further hop answered with is between us and it.
  if (!(error instanceof CallError)) copyHeaders(error.metadata, metadata);
  else if (error.code === Code.Unavailable) metadata.set(PUSHBACK_HEADER, "-1");
  const details = packDetails(error);
  if (details.length > 0) {
    const status = create(StatusSchema, { code: error.code, message, details });
    metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  }
  // The two enums number the codes alike, as the protocol does.
  const code: number = error.code;
  return { code, details: message, metadata };
}

function packDetails(error: ConnectError) {
  let budget = MAX_DETAILS_BYTES;
  const packed = [];
  for (const detail of error.details) {
    const any =
      "desc" in detail
        ? anyPack(detail.desc, create(detail.desc, detail.value))
        : create(AnySchema, { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value });
    budget -= any.value.length;
    if (budget >= 0) packed.push(any);
  }
  return packed;
}

/** The protocol's and the mesh's own. */
const RESERVED = /^(:|grpc-|content-|te$|connection$|transfer-encoding$)/;
const RESERVED_NAMES = new Set([LOAD_HEADER, NACK_HEADER]);

/**
 * Adds headers of a handler to gRPC metadata; those of the protocol itself, and those in which the mesh
 * speaks for the server, are not a handler's to set. A handler may push back.
 */
export function copyHeaders(from: Headers, to: Metadata): void {
  for (const [name, value] of from) {
    if (RESERVED_NAMES.has(name) || (RESERVED.test(name) && name !== PUSHBACK_HEADER)) continue;
    to.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
}
