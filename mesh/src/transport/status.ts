import type { IncomingHttpHeaders } from "node:http2";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code } from "@connectrpc/connect";
import type { StatusCode } from "../resilience/verdict.ts";

/** An error detail as it came over the wire. */
export interface ErrorDetail {
  /** The message's full name. */
  readonly type: string;
  readonly value: Uint8Array;
}

export interface WireStatus {
  readonly code: StatusCode;
  readonly text: string;
  readonly details: readonly ErrorDetail[];
}

const NO_DETAILS: readonly ErrorDetail[] = [];
const OK: WireStatus = { code: 0, text: "", details: NO_DETAILS };

/** The status that a trailer, or the header of an answer without a body, carries. Undefined: none. */
export function statusOf(fields: IncomingHttpHeaders): WireStatus | undefined {
  const value = fields["grpc-status"];
  if (value === "0") return OK;
  if (value === undefined) return undefined;
  const code = Number(value);
  // A code that this gRPC does not know is `unknown` by its specification.
  const known = Number.isInteger(code) && code >= Code.Canceled && code <= Code.Unauthenticated;
  const message = fields["grpc-message"];
  return {
    code: known ? code : Code.Unknown,
    text: typeof message === "string" ? decodeMessage(message) : known ? "" : `grpc-status ${value}`,
    details: detailsOf(fields["grpc-status-details-bin"]),
  };
}

/** Undoes the percent encoding of `grpc-message`; what is not valid stays as it is. */
export function decodeMessage(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
      Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
    );
  }
}

function detailsOf(value: string | string[] | undefined): readonly ErrorDetail[] {
  if (typeof value !== "string") return NO_DETAILS;
  try {
    return fromBinary(StatusSchema, base64Decode(value)).details.map((any) => ({
      type: any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1),
      value: any.value,
    }));
  } catch {
    // Details are an extra: an error whose details are broken still is that error.
    return NO_DETAILS;
  }
}

/** What an HTTP status means where a peer, or a proxy before it, did not answer in gRPC. */
export function codeOfHttpStatus(status: number): Code {
  switch (status) {
    case 400:
      return Code.Internal;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}
