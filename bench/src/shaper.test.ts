import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Shaper, startShaper } from "./shaper.ts";

/** Sends so many bytes to whoever connects, and ends the connection. */
const ANSWER_BYTES = 64 * 1024;
const server = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.end(Buffer.alloc(ANSWER_BYTES));
});
let shaper: Shaper;

beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  shaper = await startShaper((server.address() as { port: number }).port, { rttMs: 20, kbps: 10_000 });
});
afterEach(() => {
  shaper.stop();
  server.close();
});

const call = (): Socket => connect({ port: shaper.port, host: "127.0.0.1" });

test("all that was sent arrives, also what travels while the sender ends the connection", async () => {
  expect(await buffer(call())).toHaveLength(ANSWER_BYTES);
  expect(shaper.bytesDown).toBe(ANSWER_BYTES);
});

test("a connection that was hung up takes no more of the line", async () => {
  shaper.set({ rttMs: 20, kbps: 1_000 });
  const left = call();
  await once(left, "data");
  left.destroy();
  expect(await buffer(call())).toHaveLength(ANSWER_BYTES);
  expect(shaper.bytesDown).toBeLessThan(1.5 * ANSWER_BYTES);
});
