import { CatalogService, GetTrackRequestSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create, toBinary } from "@bufbuild/protobuf";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WATCH } from "../testing/bad-input.ts";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";
import { enveloped, overHttp2 } from "../testing/raw.ts";

let edge: TestEdge;
let metrics: Registry;
let lines: string[];
beforeEach(async () => {
  lines = [];
  metrics = new Registry();
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  edge = await startEdge({ log, metrics });
});
afterEach(() => stopEdge(edge));

const GET_TRACK = `/${CatalogService.typeName}/GetTrack`;
const FORGED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const getTrack = (trackId: string) =>
  toBinary(GetTrackRequestSchema, create(GetTrackRequestSchema, { trackId }));
const post = (type: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${edge.url}${GET_TRACK}`, { method: "POST", headers: { "content-type": type, ...headers }, body });

test.each(["json", "proto"])(
  "a call of %s is one line, with the trace that its service got",
  async (type) => {
    const body = type === "json" ? JSON.stringify({ trackId: TRACK_ID }) : getTrack(TRACK_ID);
    await (await post(`application/${type}`, body, { traceparent: FORGED })).text();
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0] ?? "");
    expect(line).toMatchObject({ route: GET_TRACK, code: "OK", status: 200, protocol: "connect" });
    expect(line.trace).toMatch(/^[0-9a-f]{32}$/);
    expect(FORGED).not.toContain(line.trace);
    expect(edge.seen[0]?.get("traceparent")).toContain(`-${line.trace}-`);
  },
);

test("a line holds no cookie, token, query or address", async () => {
  const message = encodeURIComponent(JSON.stringify({ trackId: "secret" }));
  const headers = { cookie: "antiphon_access=secret", authorization: "Bearer secret" };
  const url = `${edge.url}${GET_TRACK}?connect=v1&encoding=json&message=${message}`;
  await (await fetch(url, { headers })).text();
  expect(lines[0]).not.toContain("secret");
  expect(lines[0]).not.toContain("127.0.0.1");
});

async function counted(): Promise<string[]> {
  const { values } = await metrics.getSingleMetric("gateway_requests_total")!.get();
  return values.map(({ labels, value }) => [...Object.values(labels), value].join(" "));
}

test("requests are counted by route, code, status and protocol", async () => {
  const grpcWeb = "application/grpc-web+proto";
  await (await post(grpcWeb, new Uint8Array(enveloped(getTrack("trk_unknown"))))).arrayBuffer();
  await (await post("application/json", "{")).text();
  await (await post("application/json", '{"trackId":"trk_unknown"}')).text();
  const fields = {
    ":method": "POST",
    ":path": GET_TRACK,
    "content-type": "application/grpc",
    te: "trailers",
  };
  await overHttp2(edge.front.port, fields, enveloped(getTrack("trk_unknown")));
  await (await fetch(`${edge.url}/nothing`)).text();
  expect(await counted()).toEqual([
    `${GET_TRACK} NotFound 200 grpc-web 1`,
    `${GET_TRACK} InvalidArgument 400 connect 1`,
    `${GET_TRACK} NotFound 404 connect 1`,
    `${GET_TRACK} NotFound 200 grpc 1`,
    "/ NotFound 404 http 1",
  ]);
});

test.each([
  ["connect", WATCH, "application/connect+json"],
  ["grpc-web", GET_TRACK, "application/grpc-web+json"],
  ["grpc", GET_TRACK, "application/grpc+json"],
])("a message of %s that cannot be parsed counts as such", async (protocol, path, type) => {
  const authorization = `Bearer ${await edge.token({ id: "lst_1", operator: false })}`;
  const fields = { ":method": "POST", ":path": path, "content-type": type, authorization, te: "trailers" };
  const answer = await overHttp2(edge.front.port, fields, enveloped(Buffer.from("{")));
  expect(answer?.status).toBe(200);
  expect(await counted()).toEqual([`${path} InvalidArgument 200 ${protocol} 1`]);
});

test("a bug of ours in a call counts as internal, though HTTP says that all is well", async () => {
  await stopEdge(edge);
  metrics = new Registry();
  const admit = async () => {
    throw new TypeError("a bug");
  };
  edge = await startEdge({ metrics, admission: { admit } });
  const fields = { ":method": "POST", ":path": GET_TRACK, "content-type": "application/grpc-web+json" };
  const answer = await overHttp2(edge.front.port, fields, enveloped(Buffer.from("{}")));
  expect(answer?.status).toBe(200);
  expect(await counted()).toEqual([`${GET_TRACK} Internal 200 grpc-web 1`]);
});
