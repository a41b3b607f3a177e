import { brotliCompressSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { GET_TRACK, type Headers, request, SIGN_IN, WATCH } from "../bad-input.ts";
import { enveloped } from "../raw.ts";
import type { Attack } from "./attack.ts";
import { mutated, split } from "./mutations.ts";

const JSON_BODY = JSON.stringify({ trackId: "trk_00000000000000000001" });
const PROTO = Buffer.from([0x0a, 24, ...Buffer.from("trk_00000000000000000001")]);
const BOMB = Buffer.alloc(16 * 1024 * 1024);
const stay: Headers = { connection: "keep-alive" };
const post = (path: string, type: string, body: string | Uint8Array, headers: Headers = {}) =>
  request(`POST ${path}`, { "content-type": type, ...stay, ...headers }, body);

const chunks = (body: Uint8Array, size: number) => {
  const parts: Buffer[] = [];
  for (let start = 0; start < body.length; start += size) {
    const part = body.subarray(start, start + size);
    parts.push(Buffer.from(`${part.length.toString(16)};x=y\r\n`), Buffer.from(part), Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\nX-Trailer: a\r\n\r\n")]);
};
const chunked = Buffer.concat([
  Buffer.from(
    `POST ${GET_TRACK} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ),
  chunks(Buffer.from(JSON_BODY), 7),
]);

/** Requests that are valid, or bad in a way of their own. */
const REQUESTS: readonly Buffer[] = [
  post(GET_TRACK, "application/json", JSON_BODY),
  post(GET_TRACK, "application/proto", PROTO),
  post(GET_TRACK, "application/grpc-web+proto", enveloped(PROTO), { "grpc-timeout": "10S" }),
  post(GET_TRACK, "application/proto", gzipSync(PROTO), { "content-encoding": "gzip" }),
  post(GET_TRACK, "application/proto", gzipSync(BOMB), { "content-encoding": "gzip" }),
  post(GET_TRACK, "application/json", brotliCompressSync(BOMB), { "content-encoding": "br" }),
  post(GET_TRACK, "application/grpc-web+proto", enveloped(gzipSync(BOMB), 1), { "grpc-encoding": "gzip" }),
  post(SIGN_IN, "application/json", '{"email":"a@b.c","password":"wrong"}', { cookie: "antiphon_refresh=x" }),
  post(WATCH, "application/connect+json", enveloped(Buffer.from("{}")), { authorization: "Bearer a.b.c" }),
  request(`GET ${GET_TRACK}?connect=v1&encoding=json&message=${encodeURIComponent(JSON_BODY)}`, stay),
  request("GET /media/player/cov_1?e=1&s=x", { ...stay, range: "bytes=0-10,20-30" }),
  request("GET /", stay),
  chunked,
];

const one = mutated(fc.constantFrom(...REQUESTS));
const pipelined = fc.array(one, { minLength: 1, maxLength: 4 }).map((requests) => Buffer.concat(requests));

/** Bytes on a connection of HTTP/1.1: mutated requests, alone or one behind the other, in pieces, slowly. */
export const http1Attack: fc.Arbitrary<Attack> = fc.record({
  kind: fc.constant("HTTP/1.1"),
  pieces: split(
    fc.oneof(
      { weight: 9, arbitrary: pipelined },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 500 }).map(Buffer.from) },
    ),
  ),
  pauseMs: fc.constantFrom(0, 0, 0, 3, 20),
  reads: fc.boolean(),
  end: fc.constantFrom("half", "away", "wait"),
});
