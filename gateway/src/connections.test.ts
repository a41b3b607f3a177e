import { once } from "node:events";
import { connect } from "node:net";
import { until } from "@antiphon/mesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GET_TRACK, post } from "../testing/bad-input.ts";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";
import { raw } from "../testing/raw.ts";

/** What goes wrong between the requests of a connection. */
let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => stopEdge(edge));

const BODY = JSON.stringify({ trackId: TRACK_ID });

test("a thousand calls given up half-way leave no connection behind", async () => {
  const before = edge.front.connections;
  const head = `POST ${GET_TRACK} HTTP/1.1\r\nHost: a\r\nContent-Type: application/proto\r\nContent-Length: 99\r\n\r\n`;
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
  const { send, answer } = post("a good call", "application/json", BODY, {}, "200");
  const { port } = edge.front;
  expect(await send({ http1: port, http2: port, token: "" })).toBe(answer);
});

test("a request refused before it was read whole does not block the next on its connection", async () => {
  const tooLarge = "x".repeat(5 * 1024 * 1024);
  const head = (length: number) =>
    `POST ${GET_TRACK} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n`;
  const answer = await raw(
    edge.front.port,
    `${head(tooLarge.length)}\r\n${tooLarge}${head(BODY.length)}Connection: close\r\n\r\n${BODY}`,
  );
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 429", "HTTP/1.1 200"]);
});
