import { brotliCompressSync, gzipSync } from "node:zlib";
import { GetTrackRequestSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type BadInput,
  type Body,
  bytes,
  GET_TRACK,
  get,
  type Headers,
  inEnvelope,
  over2,
  post,
  request,
  SIGN_IN,
  WATCH,
} from "./bad-input.ts";
import { enveloped } from "./raw.ts";

const TRACK_ID = "trk_00000000000000000001";
const JSON_BODY = JSON.stringify({ trackId: TRACK_ID });
const PROTO = toBinary(GetTrackRequestSchema, create(GetTrackRequestSchema, { trackId: TRACK_ID }));
const BOMB = Buffer.alloc(32 * 1024 * 1024);
const TOO_LARGE = 4 * 1024 * 1024 + 1;
const json = "application/json";
const proto = "application/proto";
const gzip = { "content-encoding": "gzip" };
const brotli = { "content-encoding": "br" };
const nothing = new Uint8Array(0);

/** An unknown group in an unknown group, and so on: the way to exhaust a parser's stack. */
const NESTED = Buffer.alloc(200, 0x13);

const unary = (what: string, type: string, body: Body, headers: Headers, answer: string) =>
  post(`${type.slice(12)}: ${what}`, type, body, headers, answer);

const messages: BadInput[] = [
  unary("no JSON", json, "{", {}, "400 invalid_argument"),
  unary("an empty body", json, "", {}, "400 invalid_argument"),
  unary("an array", json, "[]", {}, "400 invalid_argument"),
  unary("a string", json, '"x"', {}, "400 invalid_argument"),
  unary("a number for a string", json, '{"trackId":7}', {}, "400 invalid_argument"),
  unary("one field by both its names", json, '{"trackId":"a","track_id":"b"}', {}, "400 invalid_argument"),
  unary("__proto__", json, '{"__proto__":{"trackId":"a"},"trackId":7}', {}, "400 invalid_argument"),
  unary("200,000 levels", json, "[".repeat(200_000), {}, "400 invalid_argument"),
  unary("trailing junk", json, `${JSON_BODY}x`, {}, "400 invalid_argument"),
  unary("NaN", json, '{"trackId":NaN}', {}, "400 invalid_argument"),
  unary("a field that ends early", proto, Buffer.from([0x0a, 5, 0x61]), {}, "400 invalid_argument"),
  unary("a varint without end", proto, Buffer.alloc(20, 0xff), {}, "400 invalid_argument"),
  unary("field number 0", proto, Buffer.from([0, 1]), {}, "400 invalid_argument"),
  unary("wire type 7", proto, Buffer.from([0x0f]), {}, "400 invalid_argument"),
  unary("text that is no UTF-8", proto, Buffer.from([0x0a, 2, 0xff, 0xfe]), {}, "400 invalid_argument"),
  unary("200 levels", proto, NESTED, {}, "400 invalid_argument"),
  unary("more than 4 MiB", json, "x".repeat(TOO_LARGE), {}, "429 resource_exhausted"),
  unary("more than 4 MiB", proto, Buffer.alloc(TOO_LARGE), {}, "429 resource_exhausted"),
];

const compression: BadInput[] = [
  unary("a gzip bomb", proto, gzipSync(BOMB), gzip, "429 resource_exhausted"),
  unary("a brotli bomb", proto, brotliCompressSync(BOMB), brotli, "429 resource_exhausted"),
  unary("a gzip bomb", json, gzipSync(BOMB), gzip, "429 resource_exhausted"),
  unary("no gzip", proto, "not gzip", gzip, "400 invalid_argument"),
  unary("half a gzip", proto, gzipSync(PROTO).subarray(0, 15), gzip, "400 invalid_argument"),
  unary("no brotli", proto, Buffer.alloc(64, 0xff), brotli, "400 invalid_argument"),
  unary("an unknown encoding", proto, PROTO, { "content-encoding": "zstd" }, "501 unimplemented"),
  unary("two encodings", json, JSON_BODY, { "content-encoding": "gzip, br" }, "501 unimplemented"),
];

const timeouts: BadInput[] = [
  ["-1", "400 invalid_argument"],
  ["soon", "400 invalid_argument"],
  ["99999999999", "400 invalid_argument"],
  ["0x10", "400 invalid_argument"],
  ["1, 2", "400 invalid_argument"],
  ["1.5", "400 invalid_argument"],
  ["0", "504 deadline_exceeded"],
  ["9999999999", "200"],
].flatMap(([timeout = "", answer = ""]) => [
  unary(`a timeout of ${timeout}`, proto, PROTO, { "connect-timeout-ms": timeout }, answer),
  unary(`a timeout of ${timeout}`, json, JSON_BODY, { "connect-timeout-ms": timeout }, answer),
]);

const contentTypes: BadInput[] = [
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/xml",
  "application/jsonp",
  "application/proto+json",
  "application/connect+xml",
  "application/grpc",
  "application/grpc+proto",
  "application/grpc-web-text",
  "application/connect+proto",
  "application/json;charset=utf-16",
  "",
].map((type) => post(`content type ${JSON.stringify(type)}`, type, JSON_BODY, {}, "415"));

const methods: BadInput[] = ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"].map((method) =>
  bytes(`${method} of a call`, request(`${method} ${GET_TRACK}`, { "content-type": json }, JSON_BODY), "405"),
);

const message = encodeURIComponent(JSON_BODY);
const gets: BadInput[] = [
  get("a GET of what changes something", SIGN_IN, "connect=v1&encoding=json&message=%7B%7D", "405"),
  get("a GET without an encoding", GET_TRACK, `connect=v1&message=${message}`, "415"),
  get("a GET with an unknown encoding", GET_TRACK, `connect=v1&encoding=xml&message=${message}`, "415"),
  get("a GET that is no JSON", GET_TRACK, "connect=v1&encoding=json&message=%7B", "400 invalid_argument"),
  get(
    "a GET with an unknown compression",
    GET_TRACK,
    "connect=v1&encoding=json&message=%7B%7D&compression=zstd",
    "501 unimplemented",
  ),
  get("a GET of a stream", WATCH, "connect=v1&encoding=json&message=%7B%7D", "415"),
  get(
    "a GET of another version",
    GET_TRACK,
    `connect=v9&encoding=json&message=${message}`,
    "400 invalid_argument",
  ),
  get("a GET without a version", GET_TRACK, `encoding=json&message=${message}`, "400 invalid_argument"),
  get("a GET without a message", GET_TRACK, "connect=v1&encoding=json", "400 invalid_argument"),
  get(
    "a GET with bad base64",
    GET_TRACK,
    "connect=v1&encoding=proto&base64=1&message=%25%25",
    "400 invalid_argument",
  ),
];

const envelopes: BadInput[] = [
  ...inEnvelope("no message", nothing, "", "200 unimplemented"),
  ...inEnvelope("half a prefix", Buffer.from([0, 0, 0]), "", "200 invalid_argument"),
  ...inEnvelope("a length of 4 GiB", enveloped(nothing, 0, 0xffffffff), "", "200 resource_exhausted"),
  ...inEnvelope("a length beyond the limit", enveloped(nothing, 0, TOO_LARGE), "", "200 resource_exhausted"),
  ...inEnvelope("half a message", enveloped(PROTO, 0, PROTO.length + 5), "", "200 invalid_argument"),
  ...inEnvelope("unknown flags", enveloped(PROTO, 0x7e), "", "200 invalid_argument"),
  ...inEnvelope("the flag of an end", enveloped(PROTO, 0x80), "", "200 invalid_argument"),
  ...inEnvelope(
    "two messages",
    Buffer.concat([enveloped(nothing), enveloped(nothing)]),
    "",
    "200 unimplemented",
  ),
  ...inEnvelope(
    "junk after it",
    Buffer.concat([enveloped(nothing), nothing, Buffer.alloc(1)]),
    "",
    "200 unimplemented",
  ),
  ...inEnvelope("compression that no header names", enveloped(gzipSync(PROTO), 1), "", "200 internal"),
  ...inEnvelope("compression that is none", enveloped(PROTO, 1), "gzip", "200 invalid_argument"),
  ...inEnvelope("a bomb", enveloped(gzipSync(BOMB), 1), "gzip", "200 resource_exhausted"),
  ...inEnvelope("an unknown compression", enveloped(nothing), "zstd", "200 unimplemented"),
  ...inEnvelope("a message that cannot be read", enveloped(Buffer.from([0x0f])), "", "200 invalid_argument"),
];

const bearer = (claims: object, header: object, signature = "c2ln") =>
  [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") +
  `.${signature}`;
const claims = { sub: "lst_1", role: "operator", iss: "antiphon", aud: "antiphon", exp: 4_102_444_800 };
const tokens: BadInput[] = [
  ["that is none", "nonsense"],
  ["of algorithm none", bearer(claims, { alg: "none" }, "")],
  ["signed with a shared secret", bearer(claims, { alg: "HS256", kid: "k1" })],
  ["of an unknown key", bearer(claims, { alg: "ES256", kid: "k9" })],
  ["with a key of its own", bearer(claims, { alg: "ES256", kid: "k1", jwk: { kty: "EC" } })],
  ["whose keys are elsewhere", bearer(claims, { alg: "ES256", kid: "k1", jku: "http://evil.example/jwks" })],
  ["that another key signed", bearer(claims, { alg: "ES256", kid: "k1" }, "A".repeat(86))],
].map(([what, token]) =>
  post(`a token ${what}`, json, JSON_BODY, { authorization: `Bearer ${token}` }, "401 unauthenticated"),
);

const call = (head: string) =>
  `POST ${GET_TRACK} ${head}Content-Type: ${json}\r\nContent-Length: ${JSON_BODY.length}\r\nConnection: close\r\n\r\n${JSON_BODY}`;
const withHead = (what: string, head: string, answer = "400") => bytes(what, call(head), answer);
const chunked = (chunks: string) =>
  `POST ${GET_TRACK} HTTP/1.1\r\nHost: a\r\nContent-Type: ${json}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
const http1: BadInput[] = [
  withHead("Host: [", "HTTP/1.1\r\nHost: [\r\n"),
  withHead("a Host with a space", "HTTP/1.1\r\nHost: a b\r\n"),
  withHead("no Host", "HTTP/1.1\r\n"),
  withHead("an empty Host", "HTTP/1.1\r\nHost:\r\n"),
  withHead("HTTP/1.0 without Host", "HTTP/1.0\r\n"),
  withHead("a port beyond all ports", "HTTP/1.1\r\nHost: a:99999\r\n"),
  withHead("HTTP/3.0", "HTTP/3.0\r\nHost: a\r\n"),
  withHead("a space before the colon", "HTTP/1.1\r\nHost: a\r\nX-A : b\r\n"),
  withHead("a folded header", "HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n"),
  withHead("a header with NUL", "HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n"),
  withHead("a header with a bare CR", "HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n"),
  withHead("two lengths", "HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"),
  withHead("length and chunks", "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"),
  withHead("headers of 20 KB", `HTTP/1.1\r\nHost: a\r\nX-A: ${"a".repeat(20_000)}\r\n`, "431"),
  bytes("a path of 20 KB", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, "431"),
  bytes("a negative length", `POST ${GET_TRACK} HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n`, "400"),
  bytes("a method that is none", `ABRACADABRA ${GET_TRACK} HTTP/1.1\r\nHost: a\r\n\r\n`, "400"),
  bytes("a path that is no URL", "GET http://[ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "400"),
  bytes("bytes that are no HTTP", "\0\x01\x02garbage\r\n\r\n", "400"),
  bytes("half of the HTTP/2 preface", "PRI * HTTP/1.1\r\n\r\n", "400", true),
  bytes("half a header", `POST ${GET_TRACK} HTTP/1.1\r\nHost: a\r\nContent-T`, "400", true),
  bytes("a chunk that says no length", chunked("x\r\n{}\r\n0\r\n\r\n"), "400"),
  bytes("a chunk longer than it says", chunked(`1\r\n${JSON_BODY}\r\n0\r\n\r\n`), "400"),
];

const connect = { "content-type": proto };
const http2: BadInput[] = [
  over2("an :authority of [", { ...connect, ":authority": "[" }, PROTO, "400"),
  over2("an :authority with a space", { ...connect, ":authority": "a b" }, PROTO, "reset"),
  over2("more bytes than it says", { ...connect, "content-length": "1" }, PROTO, "reset"),
  over2("fewer bytes than it says", { ...connect, "content-length": "99" }, PROTO, "reset"),
  over2("a path that is no URL", { ...connect, ":path": "http://[" }, PROTO, "reset"),
  over2("a timeout that is none", { "grpc-timeout": "1" }, enveloped(PROTO), "200 invalid_argument"),
  over2("a timeout of 9 digits", { "grpc-timeout": "999999999S" }, enveloped(PROTO), "200 invalid_argument"),
  over2("a call that does not exist", { ":path": "/a.v1.B/C" }, enveloped(PROTO), "404"),
];

/** Every one with its exact answer. */
export const badInputs: readonly BadInput[] = [
  ...messages,
  ...compression,
  ...timeouts,
  ...contentTypes,
  ...methods,
  ...gets,
  ...envelopes,
  ...tokens,
  ...http1,
  ...http2,
];
