import type { DescField } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { HashSource } from "../balance/settings.ts";
import { unframed } from "../transport/frames.ts";
import type { Call, Send } from "./call.ts";
import type { MethodPlan } from "./method-plan.ts";

/**
 * Gives a call the key that `ring_hash` places it by: the value of a header, or of a field of its request. A
 * call that has none, such as a stream of requests, is placed like any other.
 */
export function affinityLayer(next: Send, plan: MethodPlan, hash: HashSource): Send {
  const keyOf =
    hash.kind === "header" ? (call: Call) => call.headers[hash.name] : fieldReader(plan, hash.name);
  if (!keyOf) return next;
  return (call, done) => {
    call.key = keyOf(call);
    next(call, done);
  };
}

/** Reads one field of the request's bytes and skips the others. Undefined where the method has no such field. */
function fieldReader({ method }: MethodPlan, name: string): ((call: Call) => string | undefined) | undefined {
  const field = method.input.fields.find((one) => one.name === name);
  if (!field || (field.fieldKind !== "scalar" && field.fieldKind !== "enum")) return undefined;
  return ({ request }) => (request instanceof Uint8Array ? valueIn(unframed(request), field) : undefined);
}

/** As on the wire, which is enough for a key: equal values have equal bytes. The last one counts. */
function valueIn(message: Uint8Array, { number }: DescField): string | undefined {
  const reader = new BinaryReader(message);
  let value: string | undefined;
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      const bytes = reader.skip(type, field);
      if (field === number) value = Buffer.from(bytes).toString("latin1");
    }
  } catch {
    // Bytes that are no message, handed on as they came: the server will say so.
  }
  return value;
}
