import type { JsMsg } from "@nats-io/jetstream";
import { headers, type MsgHdrs } from "@nats-io/transport-node";

/** An event's CloudEvents attributes, as they travel in the headers of a message (binary mode). */
export interface Envelope {
  /** Also `Nats-Msg-Id`, by which the broker drops duplicates for two minutes. */
  readonly id: string;
  readonly type: string;
  /** `/antiphon/<service>`. */
  readonly source: string;
  /** The CloudEvents subject. */
  readonly key: string;
  /** Counts the events of a key, from 1, without holes. */
  readonly keySeq: bigint;
  /** When it was written, by the clock of the writer's database. */
  readonly at: Date;
  /** W3C trace context of the call that caused it. */
  readonly traceparent?: string | undefined;
}

/** The headers of a message are not those of an event. */
export class MalformedEnvelope extends Error {
  override readonly name = "MalformedEnvelope";
}

export function toHeaders(envelope: Envelope): MsgHdrs {
  const h = headers();
  // Each is new: `set` would look for it first.
  h.append("Nats-Msg-Id", envelope.id);
  h.append("ce-specversion", "1.0");
  h.append("ce-id", envelope.id);
  h.append("ce-type", envelope.type);
  h.append("ce-source", envelope.source);
  h.append("ce-subject", envelope.key);
  h.append("ce-keyseq", String(envelope.keySeq));
  h.append("ce-time", envelope.at.toISOString());
  h.append("content-type", "application/protobuf");
  if (envelope.traceparent) h.append("traceparent", envelope.traceparent);
  return h;
}

/** Throws {@link MalformedEnvelope} naming the header that is missing or wrong. */
export function fromHeaders(h: MsgHdrs | undefined): Envelope {
  const lines = Array.from(h ?? [], ([name, [value]]) => `${name}: ${value}\r\n`);
  return fromText(`\r\n${lines.join("")}`);
}

/** What the client holds of a message from which it decodes `headers` when they are asked for. */
interface Received {
  readonly msg?: { readonly _rdata?: Uint8Array; readonly _msg?: { readonly hdr?: number } };
}

/**
 * The envelope of a message, past the client's own decoder, which makes a map of all headers and takes five
 * times as long. Throws {@link MalformedEnvelope}.
 */
export function envelopeOf(message: JsMsg): Envelope {
  const { msg } = message as Received;
  const [bytes, length] = [msg?._rdata, msg?._msg?.hdr];
  if (!bytes || length === undefined) return fromHeaders(message.headers);
  return fromText(Buffer.from(bytes.buffer, bytes.byteOffset, Math.max(0, length)).toString());
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @param text the headers as they travel, each behind a line break */
function fromText(text: string): Envelope {
  const find = (name: string) => {
    const at = text.indexOf(`\r\n${name}:`);
    if (at === -1) return "";
    const from = at + name.length + 3;
    return text.slice(from, text.indexOf("\r\n", from)).trim();
  };
  const read = (name: string, allowed: RegExp) => {
    const value = find(name);
    if (allowed.test(value)) return value;
    throw new MalformedEnvelope(
      `header ${name} ${value ? `is not valid: "${value.slice(0, 80)}"` : "is missing"}`,
    );
  };
  const at = new Date(read("ce-time", /^\d{4}-\d\d-\d\dT/));
  if (Number.isNaN(at.getTime())) throw new MalformedEnvelope("header ce-time is no time");
  return {
    // As PostgreSQL gives it back.
    id: read("ce-id", UUID).toLowerCase(),
    type: read("ce-type", /^[a-z0-9_.]+$/),
    source: read("ce-source", /./),
    key: read("ce-subject", /^\P{Cc}{1,256}$/u),
    keySeq: BigInt(read("ce-keyseq", /^[1-9]\d{0,17}$/)),
    at,
    traceparent: find("traceparent") || undefined,
  };
}
