import { EchoRequestSchema, EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { frame } from "../transport/frames.ts";
import { affinityLayer } from "./affinity.ts";
import { newCall } from "./call.ts";
import { planOf } from "./method-plan.ts";

const plan = planOf(EchoService.method.echo);

function keyOf(message: Uint8Array, field = "text"): string | undefined {
  const call = newCall(plan, frame(message), undefined, undefined, undefined, {});
  affinityLayer(() => {}, plan, { kind: "field", name: field })(call, () => {});
  return call.key;
}
const bytesOf = (text: string, numbers: bigint[] = [], delayMs = 0) =>
  toBinary(EchoRequestSchema, create(EchoRequestSchema, { text, numbers, delayMs }));

test("requests have the same key exactly when the field is the same", () => {
  const numbers = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.string(), fc.string(), numbers, (one, other, rest) => {
      expect(keyOf(bytesOf(one, rest)) === keyOf(bytesOf(other))).toBe(one === other);
    }),
  );
  expect(keyOf(bytesOf("a", [], 7), "delay_ms")).toBe(keyOf(bytesOf("b", [1n], 7), "delay_ms"));
});

test("a request without the field has no key, and neither has one of bytes that are no message", () => {
  expect(keyOf(bytesOf(""))).toBeUndefined();
  expect(keyOf(bytesOf("a"), "track_id")).toBeUndefined();
  expect(keyOf(bytesOf("a", [1n]), "numbers")).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void keyOf(bytes)));
});
