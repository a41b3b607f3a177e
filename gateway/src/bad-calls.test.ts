import { brotliCompressSync, gzipSync } from "node:zlib";
import { GetTrackRequestSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";
import { enveloped, overHttp2 } from "../testing/raw.ts";

/** Calls that no client of good will makes, each with its exact answer. */
let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(async () => {
  expect((await send("json", "POST", OK_JSON)).status).toBe(200);
  await stopEdge(edge);
});

const GET_TRACK = "/antiphon.catalog.v1.CatalogService/GetTrack";
const WATCH = "/antiphon.recommendation.v1.RecommendationService/WatchRecommendations";
const SIGN_IN = "/antiphon.identity.v1.IdentityService/SignIn";
const OK_JSON = JSON.stringify({ trackId: TRACK_ID });
const OK_PROTO = toBinary(GetTrackRequestSchema, create(GetTrackRequestSchema, { trackId: TRACK_ID }));
const BOMB = Buffer.alloc(32 * 1024 * 1024);

type Body = string | Uint8Array;
const send = (type: string, method: string, body: Body | undefined, more: Record<string, string> = {}) =>
  fetch(`${edge.url}${GET_TRACK}`, {
    method,
    headers: { "content-type": type === "json" || type === "proto" ? `application/${type}` : type, ...more },
    ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
  });

describe("a unary call of Connect", () => {
  const gzip = { "content-encoding": "gzip" };
  const brotli = { "content-encoding": "br" };
  const cases: [string, string, Body, Record<string, string>, number, string][] = [
    ["no JSON", "json", "{", {}, 400, "invalid_argument"],
    ["an empty body for JSON", "json", "", {}, 400, "invalid_argument"],
    ["a JSON array", "json", "[]", {}, 400, "invalid_argument"],
    ["a JSON string", "json", '"x"', {}, 400, "invalid_argument"],
    ["a number for a string", "json", '{"trackId":7}', {}, 400, "invalid_argument"],
    ["the same field twice", "json", '{"trackId":"a","track_id":"b"}', {}, 400, "invalid_argument"],
    ["200,000 levels", "json", "[".repeat(200_000), {}, 400, "invalid_argument"],
    ["trailing junk", "json", `${OK_JSON}x`, {}, 400, "invalid_argument"],
    ["NaN", "json", '{"trackId":NaN}', {}, 400, "invalid_argument"],
    ["a field that ends early", "proto", Buffer.from([0x0a, 0x05, 0x61]), {}, 400, "invalid_argument"],
    ["a varint without end", "proto", Buffer.alloc(20, 0xff), {}, 400, "invalid_argument"],
    ["field number 0", "proto", Buffer.from([0x00, 0x01]), {}, 400, "invalid_argument"],
    ["wire type 7", "proto", Buffer.from([0x0f]), {}, 400, "invalid_argument"],
    ["text that is no UTF-8", "proto", Buffer.from([0x0a, 2, 0xff, 0xfe]), {}, 400, "invalid_argument"],
    ["more than 4 MiB of JSON", "json", "x".repeat(4_194_305), {}, 429, "resource_exhausted"],
    ["more than 4 MiB", "proto", Buffer.alloc(4_194_305), {}, 429, "resource_exhausted"],
    ["a gzip bomb", "proto", gzipSync(BOMB), gzip, 429, "resource_exhausted"],
    ["a brotli bomb", "proto", brotliCompressSync(BOMB), brotli, 429, "resource_exhausted"],
    ["a gzip bomb of JSON", "json", gzipSync(BOMB), gzip, 429, "resource_exhausted"],
    ["no gzip", "proto", Buffer.from("not gzip"), gzip, 400, "invalid_argument"],
    ["no brotli", "proto", Buffer.alloc(64, 0xff), brotli, 400, "invalid_argument"],
    ["an unknown encoding", "proto", OK_PROTO, { "content-encoding": "zstd" }, 501, "unimplemented"],
    ["two encodings", "json", OK_JSON, { "content-encoding": "gzip, br" }, 501, "unimplemented"],
    ["a negative timeout", "proto", OK_PROTO, { "connect-timeout-ms": "-1" }, 400, "invalid_argument"],
    ["a timeout of words", "json", OK_JSON, { "connect-timeout-ms": "soon" }, 400, "invalid_argument"],
    ["11 digits", "proto", OK_PROTO, { "connect-timeout-ms": "99999999999" }, 400, "invalid_argument"],
    ["a timeout in hex", "json", OK_JSON, { "connect-timeout-ms": "0x10" }, 400, "invalid_argument"],
    ["two timeouts", "proto", OK_PROTO, { "connect-timeout-ms": "1, 2" }, 400, "invalid_argument"],
    ["a fraction", "proto", OK_PROTO, { "connect-timeout-ms": "1.5" }, 400, "invalid_argument"],
    ["no time at all", "proto", OK_PROTO, { "connect-timeout-ms": "0" }, 504, "deadline_exceeded"],
  ];
  test.each(cases)("with %s as %s", async (_what, type, body, headers, status, code) => {
    const answer = await send(type, "POST", body, headers);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });

  test.each([
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
  ])("with content type %s is 415", async (type) => {
    expect((await send(type, "POST", OK_JSON)).status).toBe(415);
  });

  test.each(["PUT", "DELETE", "PATCH", "OPTIONS"])("by %s is 405", async (method) => {
    expect((await send("json", method, method === "OPTIONS" ? undefined : OK_JSON)).status).toBe(405);
  });

  test.each([
    "host",
    "antiphon-listener",
    "antiphon-role",
    "antiphon-proof",
    "grpc-previous-rpc-attempts",
    "x-user-id",
    "x-forwarded-for",
    "trailer-x",
    "grpc-status",
    "x-real-ip",
    "traceparent",
  ])("cannot make a service believe its %s", async (name) => {
    for (const type of ["json", "proto"]) {
      const headers = name === "host" ? {} : { [name]: "forged" };
      expect((await send(type, "POST", type === "json" ? OK_JSON : OK_PROTO, headers)).status).toBe(200);
      expect([...(edge.seen[0]?.values() ?? [])]).not.toContain("forged");
    }
  });
});

describe("a GET", () => {
  const get = (path: string, query: string, headers: Record<string, string> = {}) =>
    fetch(`${edge.url}${path}?${query}`, { headers });
  const message = encodeURIComponent(OK_JSON);
  test.each([
    ["of what changes something", SIGN_IN, "connect=v1&encoding=json&message=%7B%7D", 405],
    ["without an encoding", GET_TRACK, `connect=v1&message=${message}`, 415],
    ["with an unknown encoding", GET_TRACK, `connect=v1&encoding=xml&message=${message}`, 415],
    ["with a message that is no JSON", GET_TRACK, "connect=v1&encoding=json&message=%7B", 400],
    [
      "with an unknown compression",
      GET_TRACK,
      "connect=v1&encoding=json&message=%7B%7D&compression=zstd",
      501,
    ],
    ["of a stream", WATCH, "connect=v1&encoding=json&message=%7B%7D", 415],
    ["of another version", GET_TRACK, `connect=v9&encoding=json&message=${message}`, 400],
    ["without a version", GET_TRACK, `encoding=json&message=${message}`, 400],
    ["without a message", GET_TRACK, "connect=v1&encoding=json", 400],
    ["with bad base64", GET_TRACK, "connect=v1&encoding=proto&base64=1&message=%25%25", 400],
  ])("%s", async (_what, path, query, status) => {
    expect((await get(path, query)).status).toBe(status);
  });
});

describe("a call in envelopes", () => {
  const token = () => edge.token({ id: "lst_1", operator: false });
  const empty = new Uint8Array(0);
  const bodies: [string, Uint8Array, string, number][] = [
    ["no message", empty, "", 12],
    ["half a prefix", Buffer.from([0, 0, 0]), "", 3],
    ["a length of 4 GiB", enveloped(empty, 0, 0xffffffff), "", 8],
    ["a length beyond the limit", enveloped(empty, 0, 4_194_305), "", 8],
    ["half a message", enveloped(OK_PROTO, 0, OK_PROTO.length + 5), "", 3],
    ["unknown flags", enveloped(OK_PROTO, 0x7e), "", 3],
    ["the flag of an end", enveloped(OK_PROTO, 0x80), "", 3],
    ["two messages", Buffer.concat([enveloped(OK_PROTO), enveloped(OK_PROTO)]), "", 12],
    ["junk after it", Buffer.concat([enveloped(OK_PROTO), Buffer.from([0])]), "", 12],
    ["compression that no header names", enveloped(gzipSync(OK_PROTO), 1), "", 13],
    ["compression that is none", enveloped(OK_PROTO, 1), "gzip", 3],
    ["a bomb", enveloped(gzipSync(BOMB), 1), "gzip", 8],
    ["an unknown compression", enveloped(OK_PROTO), "zstd", 12],
    ["a message that cannot be read", enveloped(Buffer.from([0x0f])), "", 3],
  ];

  test.each(bodies)("of gRPC-Web with %s", async (_what, body, encoding, status) => {
    const headers: Record<string, string> = encoding ? { "grpc-encoding": encoding } : {};
    const answer = await send("application/grpc-web+proto", "POST", body, headers);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(`grpc-status: ${status}\r\n`);
  });

  test.each(bodies)("of gRPC with %s", async (_what, body, encoding, status) => {
    const answer = await overHttp2(
      edge.front.port,
      {
        ":method": "POST",
        ":path": GET_TRACK,
        "content-type": "application/grpc",
        te: "trailers",
        ...(encoding ? { "grpc-encoding": encoding } : {}),
      },
      body,
    );
    expect(answer?.status).toBe(200);
    expect(answer?.trailers["grpc-status"]).toBe(String(status));
  });

  test.each(bodies.slice(0, 11))("of Connect's streams with %s", async (_what, body, encoding, status) => {
    const answer = await fetch(`${edge.url}${WATCH}`, {
      method: "POST",
      headers: {
        "content-type": "application/connect+proto",
        authorization: `Bearer ${await token()}`,
        ...(encoding ? { "connect-content-encoding": encoding } : {}),
      },
      body: body as Uint8Array<ArrayBuffer>,
    });
    expect(answer.status).toBe(200);
    const end = Buffer.from(await answer.arrayBuffer()).subarray(5);
    expect(JSON.parse(end.toString())).toMatchObject({ error: { code: CODE_NAMES[status] } });
  });
});

const CODE_NAMES: Record<number, string> = {
  3: "invalid_argument",
  8: "resource_exhausted",
  12: "unimplemented",
  13: "internal",
};
