import { Code } from "@connectrpc/connect";
import type { StatusCode } from "./verdict.ts";

/** On every answer of a mesh server: how busy it is, "0" idle to "1" at its limit. Read by the picker. */
export const LOAD_HEADER = "antiphon-load";

/**
 * On the status of a call that a server refused before any handler saw it, with the reason. Such a call
 * may be sent to another endpoint whatever its contract says. Only the server itself sets it: an error
 * detail would be handed on by whoever hands on the error, and then a handler has run.
 */
export const NACK_HEADER = "antiphon-nack";

/** When the peer wants the call again, in milliseconds; negative: not at all. Source: gRFC A6. */
export const PUSHBACK_HEADER = "grpc-retry-pushback-ms";

/** The trailers of an answer by their names in lower case; of any data plane. */
export type Trailer = Readonly<Record<string, unknown>>;

/** The load that the server told of; undefined where it told of none, or of something that is none. */
export function loadOf(trailer: Trailer): number | undefined {
  const value = trailer[LOAD_HEADER];
  if (typeof value !== "string") return undefined;
  const load = Number(value);
  return load >= 0 && load <= 1 ? load : undefined;
}

/** Whether no handler has seen the call. */
export function isNack(trailer: Trailer): boolean {
  return trailer[NACK_HEADER] !== undefined;
}

/** Milliseconds. NaN where the server sent something that is no number: by gRFC A6 that means "do not retry". */
export function pushbackOf(trailer: Trailer): number | undefined {
  const value = trailer[PUSHBACK_HEADER];
  return value === undefined ? undefined : Number(value);
}

/**
 * What an error that a server told says of the call and of the server. A nack has reached no handler. It is
 * not held against the endpoint, nor is a failure that nobody shall send again, since any other endpoint
 * would fail as well.
 */
export function fateOf(code: StatusCode, trailer: Trailer): { reached: boolean; blame: boolean } {
  if (isNack(trailer)) return { reached: false, blame: false };
  const failsAnywhere = code === Code.Unavailable && (pushbackOf(trailer) ?? 0) < 0;
  return { reached: true, blame: !failsAnywhere };
}
