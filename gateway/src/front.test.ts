import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { connect } from "node:net";
import { until } from "@antiphon/mesh/testing";
import { afterEach, expect, test } from "vitest";
import { defaultLimits, type Front, type FrontLimits, type NodeHandler, openFront } from "./front.ts";

let front: Front;
afterEach(async () => {
  front.close();
  await front.drain();
});

async function open(handler: NodeHandler, changed: Partial<FrontLimits> = {}): Promise<Front> {
  const limits = { ...defaultLimits, ...changed };
  front = await openFront(handler, { host: "127.0.0.1", port: 0, limits });
  return front;
}

const answerVersion: NodeHandler = (request, response) => {
  response.end(request.httpVersion);
};

test("one port speaks HTTP/1.1 and HTTP/2", async () => {
  const { port } = await open(answerVersion);
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("1.1");
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": "/" }).setEncoding("utf8");
  const [body] = await once(stream, "data");
  expect(body).toBe("2.0");
  session.close();
});

test("a protocol that arrives byte by byte is still recognised", async () => {
  const { port } = await open(answerVersion);
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  for (const byte of "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") socket.write(byte);
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    answer += chunk;
  });
  await once(socket, "close");
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
});

test("draining lets a request finish, and takes no new one", async () => {
  let answer = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    void open((_request, response) => {
      answer = () => response.end("done");
      resolve();
    }).then(() => request());
  });
  let finished: Promise<string> | undefined;
  const request = (): void => {
    finished = fetch(`http://127.0.0.1:${front.port}/`).then((response) => response.text());
  };
  await arrived;
  const drained = front.drain();
  await expect(fetch(`http://127.0.0.1:${front.port}/`)).rejects.toThrow();
  answer();
  await drained;
  expect(await finished).toBe("done");
});

test("while draining, an answer tells its client to leave the connection", async () => {
  const { port } = await open(answerVersion);
  const agent = new http.Agent({ keepAlive: true });
  const get = async () => {
    const [answer] = await once(http.get({ host: "127.0.0.1", port, agent }), "response");
    answer.resume();
    await once(answer, "end");
    return answer.headers.connection;
  };
  expect(await get()).toBe("keep-alive");
  // A request that is on its way keeps its connection open.
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
  await until(() => front.connections === 2);
  const drained = front.drain();
  socket.write("\r\n");
  const [head] = await once(socket, "data");
  expect(String(head)).toContain("connection: close");
  await drained;
  agent.destroy();
});

test.each([
  ["HTTP/1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
])("a client of %s that closes its half takes the connection with it", async (_what, bytes) => {
  const { port } = await open(answerVersion);
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.write(bytes);
  await once(socket, "data");
  socket.end();
  await until(() => front.connections === 0);
  socket.destroy();
});

test.each([false, true])("a body whose sender goes away ends nobody's process (read: %s)", async (read) => {
  const gone = Promise.withResolvers<void>();
  const { port } = await open((request) => {
    if (read) request.once("data", () => {});
    request.once("close", () => gone.resolve());
  });
  const socket = connect(port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", () => socket.destroy());
  await gone.promise;
});
