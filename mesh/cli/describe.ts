import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { MsgHdrs } from "@nats-io/transport-node";
import { type Envelope, fromHeaders } from "../src/events/envelope.ts";
import { eventsByType } from "../src/events/event-catalog.ts";

/** An event for people and for `jq`: its envelope, and its message by the contracts, as far as they know it. */
export function describeEvent(headers: MsgHdrs | undefined, payload: Uint8Array): Record<string, unknown> {
  let envelope: Envelope;
  try {
    envelope = fromHeaders(headers);
  } catch (error) {
    return { malformed: error instanceof Error ? error.message : String(error), bytes: payload.length };
  }
  const { id, type, source, key, keySeq, at, traceparent } = envelope;
  return {
    type,
    key,
    keySeq: Number(keySeq),
    id,
    at: at.toISOString(),
    source,
    traceparent,
    ...body(type, payload),
  };
}

function body(type: string, payload: Uint8Array): Record<string, unknown> {
  const known = eventsByType().get(type);
  if (!known) return { unknownType: true, bytes: payload.length };
  try {
    return { message: toJson(known.schema, fromBinary(known.schema, payload)) };
  } catch (error) {
    return { undecodable: error instanceof Error ? error.message : String(error), bytes: payload.length };
  }
}
