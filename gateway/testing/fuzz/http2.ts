import { constants } from "node:http2";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { GET_TRACK, WATCH } from "../bad-input.ts";
import { block, END_HEADERS, END_STREAM, frame, PREFACE, setting, TYPE, uint32 } from "../frames.ts";
import { enveloped } from "../raw.ts";
import type { Attack } from "./attack.ts";
import { mutated, split } from "./mutations.ts";

const fieldsOf = (path: string, type: string) =>
  block({
    ":method": "POST",
    ":scheme": "http",
    ":authority": "a",
    ":path": path,
    "content-type": type,
    te: "trailers",
  });
const PROTO = Buffer.from([0x0a, 24, ...Buffer.from("trk_00000000000000000001")]);
const BOMB = gzipSync(Buffer.alloc(16 * 1024 * 1024));
const BLOCKS = [
  fieldsOf(GET_TRACK, "application/grpc"),
  fieldsOf(GET_TRACK, "application/proto"),
  fieldsOf(WATCH, "application/connect+proto"),
  fieldsOf("/media/player/cov_1", "text/plain"),
  fieldsOf("[", ""),
];
const BODIES = [
  enveloped(PROTO),
  PROTO,
  enveloped(BOMB, 1),
  enveloped(PROTO, 0x7e),
  enveloped(PROTO, 0, 0xffffffff),
];

const streamId = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 20 }).map((index) => 2 * index + 1) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 0x7fffffff, 0x80000001) },
);
const hpack = mutated(fc.constantFrom(...BLOCKS));
const body = mutated(fc.constantFrom(...BODIES));
const times = fc.integer({ min: 1, max: 400 });

const call = fc
  .tuple(streamId, fc.constantFrom(...BLOCKS), fc.constantFrom(...BODIES), fc.constantFrom(0, END_STREAM))
  .map(([id, fields, data, flags]) =>
    Buffer.concat([
      frame(TYPE.headers, END_HEADERS, id, fields),
      // A frame holds 16 KB at most.
      frame(TYPE.data, flags, id, data.subarray(0, 16_384)),
    ]),
  );
const strange = fc
  .tuple(
    fc.integer({ min: 0, max: 12 }),
    fc.nat(255),
    streamId,
    fc.oneof(hpack, body, fc.uint8Array({ maxLength: 64 })),
    fc.nat(3),
  )
  .map(([type, flags, id, payload, lie]) =>
    frame(
      type,
      flags,
      id,
      payload.subarray(0, 16_384),
      lie === 3 ? payload.length * 7 + 1 : Math.min(payload.length, 16_384),
    ),
  );
const rapidReset = fc.tuple(times, fc.nat(13)).map(([count, code]) =>
  Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      const id = 2 * index + 1;
      return Buffer.concat([
        frame(TYPE.headers, END_HEADERS, id, BLOCKS[0]!),
        frame(TYPE.reset, 0, id, uint32(code)),
      ]);
    }),
  ),
);
const continuations = fc
  .tuple(times, hpack, fc.nat(END_HEADERS))
  .map(([count, fields, last]) =>
    Buffer.concat([
      frame(TYPE.headers, 0, 1, fields),
      ...Array<Buffer>(count).fill(frame(TYPE.more, 0, 1, fields)),
      frame(TYPE.more, last, 1, fields),
    ]),
  );
const settings = fc
  .tuple(times, fc.uint8Array({ maxLength: 36 }))
  .map(([count, payload]) =>
    Buffer.concat(
      Array<Buffer>(count).fill(
        frame(TYPE.settings, 0, 0, payload.subarray(0, payload.length - (payload.length % 6))),
      ),
    ),
  );
const pings = times.map((count) =>
  Buffer.concat(Array<Buffer>(count * 10).fill(frame(TYPE.ping, 0, 0, Buffer.alloc(8)))),
);
const windows = fc
  .tuple(streamId, fc.constantFrom(0, 1, 0x7fffffff, 0xffffffff), times)
  .map(([id, size, count]) =>
    Buffer.concat(Array<Buffer>(count).fill(frame(TYPE.window, 0, id, uint32(size)))),
  );
const empties = times.map((count) =>
  Buffer.concat([
    frame(TYPE.headers, END_HEADERS, 1, BLOCKS[0]!),
    ...Array<Buffer>(count).fill(frame(TYPE.data, 0, 1, Buffer.alloc(0))),
  ]),
);

const frames = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: call },
    strange,
    rapidReset,
    continuations,
    settings,
    pings,
    windows,
    empties,
  ),
  { minLength: 1, maxLength: 8 },
);
const initialSettings = fc.constantFrom(
  frame(TYPE.settings, 0, 0, Buffer.alloc(0)),
  // Nothing may be sent to it: whoever answers has to wait.
  frame(TYPE.settings, 0, 0, setting(constants.NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0)),
);

/** Frames on a connection of HTTP/2: calls, floods, frames that lie, header blocks that cannot be read. */
export const http2Attack: fc.Arbitrary<Attack> = fc.record({
  kind: fc.constant("HTTP/2"),
  pieces: split(
    fc.tuple(initialSettings, frames).map(([first, rest]) => Buffer.concat([PREFACE, first, ...rest])),
  ),
  pauseMs: fc.constantFrom(0, 0, 0, 3, 20),
  reads: fc.boolean(),
  end: fc.constantFrom("half", "away", "wait"),
});
