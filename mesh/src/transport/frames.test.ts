import fc from "fast-check";
import { expect, test } from "vitest";
import { Deframer, frame, wholeMessage } from "./frames.ts";

test("messages survive any cut of the byte stream", () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(frame));
      const heard: Uint8Array[] = [];
      const deframer = new Deframer(1_000, (message) => heard.push(Uint8Array.from(message)));
      let turn = 0;
      for (let at = 0; at < bytes.length; ) {
        const size = cuts[turn++ % cuts.length]!;
        expect(deframer.push(bytes.subarray(at, at + size))).toBeUndefined();
        at += size;
      }
      expect(deframer.atBoundary).toBe(true);
      expect(heard).toEqual(sent.map((message) => Uint8Array.from(message)));
    }),
  );
});

test("a message is told to be too large before its bytes are held", () => {
  const deframer = new Deframer(10, () => {});
  expect(deframer.push(Buffer.of(0, 0xff, 0xff, 0xff, 0xff))).toBe("too large");
});

test("a chunk of exactly one message is read without a copy", () => {
  const framed = frame(Buffer.from("hello"));
  const message = wholeMessage(framed, 5)!;
  expect(Buffer.from(message).toString()).toBe("hello");
  expect(message.buffer).toBe(framed.buffer);
  expect(wholeMessage(framed, 4)).toBeUndefined();
  expect(wholeMessage(framed.subarray(0, 7), 5)).toBeUndefined();
  expect(wholeMessage(Buffer.concat([framed, framed]), 50)).toBeUndefined();
});
