import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deframer, frame, wholeMessage } from "./frames.ts";

/** Framed as a peer does that compresses. */
function gzipped(message: Uint8Array): Buffer {
  const framed = frame(gzipSync(message));
  framed[0] = 1;
  return framed;
}

test("messages survive any cut of the byte stream, compressed or not", () => {
  const message = fc.uint8Array({ maxLength: 40 });
  const sendings = fc.array(fc.tuple(message, fc.boolean()), { maxLength: 8 });
  fc.assert(
    fc.property(sendings, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sendings, cuts) => {
      const sent = sendings.map(([message]) => message);
      const bytes = Buffer.concat(sendings.map(([message, isGzip]) => (isGzip ? gzipped : frame)(message)));
      const heard: Uint8Array[] = [];
      const deframer = new Deframer(1_000, true, (message) => heard.push(Uint8Array.from(message)));
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
  const deframer = new Deframer(10, false, () => {});
  expect(deframer.push(Buffer.of(0, 0xff, 0xff, 0xff, 0xff))).toBe("too large");
});

test("a small message that is too large once decompressed is stopped at the limit", () => {
  const bomb = gzipped(new Uint8Array(10_000_000));
  expect(bomb.length).toBeLessThan(20_000);
  expect(new Deframer(20_000, true, () => {}).push(bomb)).toBe("too large");
});

test("what says that it is gzip and is not is a fault", () => {
  expect(new Deframer(100, true, () => {}).push(Buffer.of(1, 0, 0, 0, 1, 7))).toBe("not gzip");
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
