import { once } from "node:events";
import http2 from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import { startEdge, stopEdge, TRACK_ID } from "../testing/edge.ts";
import { type Front, type NodeHandler, openFront } from "./front.ts";
import { answer } from "./pass/answer.ts";

const SECURITY = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "x-frame-options": "DENY",
};

let front: Front | undefined;
afterEach(async () => {
  front?.close();
  await front?.drain();
  front = undefined;
});

type Fields = Record<string, unknown>;
interface Heard {
  readonly fields: Fields;
  readonly body: Buffer;
}

async function hear(answering: NodeHandler, version: string): Promise<Heard> {
  front = await openFront(answering, { host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${front.port}`;
  if (version === "HTTP/1.1") {
    const heard = await fetch(url);
    return { fields: Object.fromEntries(heard.headers), body: Buffer.from(await heard.arrayBuffer()) };
  }
  const session = http2.connect(url);
  const stream = session.request({ ":path": "/" });
  const [fields] = (await once(stream, "response")) as [Fields];
  const body = Buffer.concat(await stream.toArray());
  session.close();
  return { fields, body };
}

/** What the responses of either HTTP have in common; their types do not say so. */
interface Response {
  setHeader(name: string, value: string): void;
  writeHead(status: number, ...rest: readonly unknown[]): void;
}

const ways: readonly (readonly [string, (response: Response) => void])[] = [
  ["with a status alone", () => {}],
  ["field by field", (response) => response.setHeader("etag", "e")],
  ["with fields as an object", (response) => response.writeHead(200, { etag: "e" })],
  ["with fields and a reason", (response) => response.writeHead(200, "Fine", { etag: "e" })],
  ["with fields as an array", (response) => response.writeHead(200, ["etag", "e"])],
  [
    "both ways",
    (response) => {
      response.setHeader("etag", "overridden");
      response.setHeader("age", "1");
      response.writeHead(200, ["etag", "e"]);
    },
  ],
];

describe.each(["HTTP/1.1", "HTTP/2"])("over %s", (version) => {
  test.each(ways)("an answer that is written %s has the security headers", async (what, write) => {
    const writing: NodeHandler = (_request, response) => {
      write(response as Response);
      response.end("done");
    };
    const { fields, body } = await hear(writing, version);
    expect(fields).toMatchObject(SECURITY);
    expect(String(body)).toBe("done");
    if (what !== "with a status alone") expect(fields.etag).toBe("e");
    if (what === "both ways") expect(fields.age).toBe("1");
  });

  test.each([0, 1, 256, 8192, 8193, 100_000])(
    "a body of %d bytes, of any value, arrives as it is",
    async (length) => {
      const sent = Uint8Array.from({ length }, (_, index) => index % 256);
      const { fields, body } = await hear(
        (_request, response) => answer(response as never, 200, ["content-type", "application/proto"], sent),
        version,
      );
      expect(body.equals(sent)).toBe(true);
      expect(fields).toMatchObject({ ...SECURITY, "content-length": String(length) });
    },
  );
});

test("whatever is asked of the gateway, the answer has the security headers", async () => {
  const edge = await startEdge();
  const call = "/antiphon.catalog.v1.CatalogService/GetTrack";
  const post = (type: string, body: string | Uint8Array<ArrayBuffer>) => ({
    method: "POST",
    headers: { "content-type": type },
    body,
  });
  const requests: readonly (readonly [string, RequestInit, number])[] = [
    [call, post("application/json", JSON.stringify({ trackId: TRACK_ID })), 200],
    [call, post("application/json", JSON.stringify({ trackId: "trk_0000000000000000000x" })), 404],
    [call, post("application/proto", new Uint8Array([255])), 400],
    [call, post("application/grpc-web+proto", new Uint8Array(5)), 200],
    [call, post("text/plain", ""), 415],
    [`${call}?connect=v1&encoding=json&message=nonsense`, {}, 400],
    ["/antiphon.catalog.v1.CatalogService/Nothing", post("application/json", "{}"), 404],
    ["/media/player/cov_1", {}, 200],
    ["/media/player/gone", {}, 404],
    ["/a/page", {}, 404],
  ];
  for (const [path, init, status] of requests) {
    const heard = await fetch(`${edge.url}${path}`, init);
    await heard.arrayBuffer();
    expect([path, heard.status]).toEqual([path, status]);
    expect(Object.fromEntries(heard.headers), path).toMatchObject(SECURITY);
  }
  await stopEdge(edge);
});
