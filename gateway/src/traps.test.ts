import { once } from "node:events";
import http2 from "node:http2";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { until } from "@antiphon/mesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";

/** Inputs that killed or fooled the adapters we looked at: after each the gateway must still answer. */
let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => stopEdge(edge));

const PATH = "/antiphon.catalog.v1.CatalogService/GetTrack";
const BODY = JSON.stringify({ trackId: TRACK_ID });

async function raw(request: string): Promise<string> {
  const socket = connect(edge.front.port, "127.0.0.1");
  socket.end(request);
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    answer += chunk;
  });
  await once(socket, "close");
  return answer;
}

const post = (headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer> = BODY) =>
  fetch(`${edge.url}${PATH}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });

async function stillAnswers(): Promise<void> {
  expect((await post({})).status).toBe(200);
}

test("a thousand calls given up half-way leave no connection behind", async () => {
  const before = edge.front.connections;
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/proto\r\nContent-Length: 99\r\n\r\n`;
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = connect(edge.front.port, "127.0.0.1");
        socket.on("error", () => {});
        await once(socket, "connect");
        socket.write(head);
        socket.destroy();
      }),
    );
  }
  await until(() => edge.front.connections <= before);
  await stillAnswers();
});

describe("HTTP/1.1", () => {
  const call = (head: string) =>
    raw(
      `POST ${PATH} ${head}Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
    );

  test.each([
    ["Host: [", "HTTP/1.1\r\nHost: [\r\n"],
    ["a Host with a space", "HTTP/1.1\r\nHost: a b\r\n"],
    ["no Host", "HTTP/1.1\r\n"],
    ["an empty Host", "HTTP/1.1\r\nHost:\r\n"],
    ["HTTP/1.0 without Host", "HTTP/1.0\r\n"],
    ["a port beyond all ports", "HTTP/1.1\r\nHost: a:99999\r\n"],
  ])("%s is 400", async (_what, head) => {
    expect(await call(head)).toMatch(/^HTTP\/1\.1 400/);
    await stillAnswers();
  });

  test.each([
    ["bytes that are no HTTP", "\x00\x01\x02garbage\r\n\r\n"],
    [
      "both Content-Length and Transfer-Encoding",
      `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["half of the HTTP/2 preface", "PRI * HTTP/1.1\r\n\r\n"],
  ])("%s is refused", async (_what, request) => {
    expect(await raw(request)).toMatch(/^HTTP\/1\.1 400|^$/);
    await stillAnswers();
  });

  test("half a header and then the end of the connection leaves nothing behind", async () => {
    await raw(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-T`);
    await stillAnswers();
  });

  test("a request refused before it was read whole does not block the next on its connection", async () => {
    const tooLarge = "x".repeat(5 * 1024 * 1024);
    const head = (length: number) =>
      `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n`;
    const answer = await raw(
      `${head(tooLarge.length)}\r\n${tooLarge}${head(BODY.length)}Connection: close\r\n\r\n${BODY}`,
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 429", "HTTP/1.1 200"]);
  });

  test("a path that is no URL is 400", async () => {
    expect(await raw("GET http://[ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400/,
    );
    await stillAnswers();
  });
});

describe("HTTP/2", () => {
  test.each(["[", "a b", ""])("an :authority of %j is 400", async (authority) => {
    const session = http2.connect(edge.url);
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      ":authority": authority,
      "content-type": "application/json",
    });
    stream.end(BODY);
    // Node may refuse such a stream by itself; what matters is that nobody dies of it.
    const outcome = await Promise.race([
      once(stream, "response").then(([header]) => header[":status"]),
      once(stream, "close").then(() => "closed"),
    ]).catch(() => "closed");
    expect(outcome === "closed" || outcome === 400).toBe(true);
    session.destroy();
    await stillAnswers();
  });
});

describe("a call", () => {
  test("with a timeout that overflows a timer is not cut at once", async () => {
    expect((await post({ "connect-timeout-ms": "9999999999" })).status).toBe(200);
  });

  test.each(["-1", "abc", "99999999999"])("with a timeout of %s is invalid", async (timeout) => {
    expect((await post({ "connect-timeout-ms": timeout })).status).toBe(400);
  });

  test("larger than 4 MiB is refused as resource_exhausted", async () => {
    const answer = await post({}, JSON.stringify({ trackId: "x".repeat(5 * 1024 * 1024) }));
    expect(await answer.json()).toMatchObject({ code: "resource_exhausted" });
    await stillAnswers();
  });

  test("that is compressed to explode is refused as resource_exhausted", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    const answer = await post({ "content-encoding": "gzip", "content-type": "application/proto" }, bomb);
    expect(await answer.json()).toMatchObject({ code: "resource_exhausted" });
    await stillAnswers();
  });

  test.each([
    ["no JSON", "{"],
    ["a field that the contract does not know", '{"trackId": 7}'],
    ["200,000 levels deep", "[".repeat(200_000)],
  ])("of %s is invalid_argument", async (_what, body) => {
    const answer = await post({}, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: "invalid_argument" });
    await stillAnswers();
  });

  test.each(["text/plain", "application/grpc", ""])("with content type %j is 415", async (type) => {
    expect((await post({ "content-type": type })).status).toBe(415);
  });

  test("that changes something cannot be a GET", async () => {
    const answer = await fetch(
      `${edge.url}/antiphon.identity.v1.IdentityService/SignIn?connect=v1&encoding=json&message=%7B%7D`,
    );
    expect(answer.status).toBe(405);
  });
});
