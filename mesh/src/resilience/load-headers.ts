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

/** The load that a peer told of; undefined where it told of none, or of something that is none. */
export function loadOf(value: string | readonly string[] | undefined): number | undefined {
  if (typeof value !== "string") return undefined;
  const load = Number(value);
  return load >= 0 && load <= 1 ? load : undefined;
}

/** NaN where the peer sent something that is no number: by gRFC A6 that means "do not retry". */
export function pushbackOf(value: string | readonly string[] | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
