import type { ServerResponse } from "node:http";
import { connect as connect2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { until } from "@antiphon/mesh/testing";
import { describe, expect, test } from "vitest";
import { block, END_HEADERS, END_STREAM, frame, PREFACE, setting, TYPE, uint32 } from "../testing/frames.ts";
import { defaultLimits, type FrontLimits, type NodeHandler, openFront } from "./front.ts";

/** A front, and clients of it that never close their half themselves. */
interface Bed extends AsyncDisposable {
  readonly url: string;
  /** Connects and says this much. */
  say(bytes: string | Uint8Array): Promise<Client>;
  /** Resolves when no connection is left. */
  untilGone(): Promise<unknown>;
}

interface Client {
  readonly socket: Socket;
  heard(): Buffer;
}

async function open(handler: NodeHandler, changed: Partial<FrontLimits> = {}): Promise<Bed> {
  const limits = { ...defaultLimits, writeTimeoutMs: 200, ...changed };
  const takesStream = (path: string) => path === "/stream";
  const front = await openFront(handler, { host: "127.0.0.1", port: 0, limits, takesStream });
  const sockets: Socket[] = [];
  return {
    url: `http://127.0.0.1:${front.port}`,
    async say(bytes) {
      const socket = connect({ port: front.port, host: "127.0.0.1", allowHalfOpen: true });
      sockets.push(socket);
      socket.on("error", () => {});
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      let isOver = false;
      for (const event of ["end", "close"]) socket.once(event, () => (isOver = true));
      socket.write(bytes);
      await until(() => isOver || front.connections === sockets.length);
      return { socket, heard: () => Buffer.concat(chunks) };
    },
    untilGone: () => until(() => front.connections === 0),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      front.close();
      await front.drain();
    },
  };
}

const answer: NodeHandler = (_request, response) => void response.end("answer");
const answerWhole: NodeHandler = (request, response) => {
  request.resume().once("end", () => response.end("answer"));
};
const answerAtOnce: NodeHandler = (request, response) => {
  request.resume();
  response.end("answer");
};
const endless: NodeHandler = (_request, response) => {
  const push = () => {
    while (!response.destroyed && (response as ServerResponse).write(Buffer.alloc(16_384)));
  };
  response.on("drain", push);
  push();
};

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const FIELDS = { ":method": "POST", ":scheme": "http", ":authority": "a", ":path": "/" };
const headers = (stream: number, flags = END_HEADERS | END_STREAM, path = "/") =>
  frame(TYPE.headers, flags, stream, block({ ...FIELDS, ":path": path }));
const settings = (...entries: readonly Buffer[]) => frame(TYPE.settings, 0, 0, Buffer.concat(entries));
const data = (text: string, flags = 0) => frame(TYPE.data, flags, 1, Buffer.from(text));
const http2 = (...frames: readonly Buffer[]) => Buffer.concat([PREFACE, settings(), ...frames]);

/** The frames of a type in what a client heard. */
function framesOf(type: number, heard: Buffer): { stream: number; payload: Buffer }[] {
  const found: { stream: number; payload: Buffer }[] = [];
  for (let at = 0; at + 9 <= heard.length; ) {
    const end = at + 9 + heard.readUIntBE(at, 3);
    const one = { stream: heard.readUInt32BE(at + 5), payload: heard.subarray(at + 9, end) };
    if (heard[at + 3] === type) found.push(one);
    at = end;
  }
  return found;
}

/** Sends a byte of the first stream's body now and then. */
function trickle({ socket }: Client): Disposable {
  const timer = setInterval(() => socket.write(data("x")), 20);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function resetOf({ heard }: Client): Promise<{ stream: number; payload: Buffer }> {
  await until(() => framesOf(TYPE.reset, heard()).length > 0);
  return framesOf(TYPE.reset, heard())[0]!;
}

describe.concurrent("a client that takes its time", () => {
  test.each([
    ["says nothing", ""],
    ["says half of what HTTP/2 begins with", PREFACE.subarray(0, 10)],
    ["sends half its headers over HTTP/1.1", GET.slice(0, -2)],
    ["opens an HTTP/2 connection for nothing", http2()],
    ["sends half a frame of headers over HTTP/2", http2(headers(1)).subarray(0, -3)],
    ["sends half a block of headers over HTTP/2", http2(headers(1, END_STREAM))],
  ])("and %s is let go", async (_what, bytes) => {
    await using bed = await open(answer, { headersTimeoutMs: 200 });
    await bed.say(bytes);
    await bed.untilGone();
  });

  test("is let go whatever it sends instead of headers", async () => {
    await using bed = await open(answer, { headersTimeoutMs: 300 });
    const { socket } = await bed.say(http2());
    const ping = setInterval(() => socket.write(frame(TYPE.ping, 0, 0, Buffer.alloc(8))), 20);
    await bed.untilGone().finally(() => clearInterval(ping));
  });

  test("to send a body over HTTP/1.1 is answered 408", async () => {
    await using bed = await open(answerWhole, { headersTimeoutMs: 200, requestTimeoutMs: 200 });
    const { heard } = await bed.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    await bed.untilGone();
    expect(heard().toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("to send a body over HTTP/2 has its stream reset", async () => {
    await using bed = await open(answerWhole, { headersTimeoutMs: 200, requestTimeoutMs: 200 });
    const client = await bed.say(http2(headers(1, END_HEADERS), data("half")));
    expect(await resetOf(client)).toEqual({ stream: 1, payload: uint32(constants.NGHTTP2_CANCEL) });
  });

  test.each([
    ["to send a body of one message", "/", answerWhole],
    ["to end its half after its answer", "/", answerAtOnce],
    ["to end its stream after its answer", "/stream", answerAtOnce],
  ])("%s over HTTP/2 has its stream reset, though bytes keep coming", async (_what, path, handler) => {
    await using bed = await open(handler, { headersTimeoutMs: 200, requestTimeoutMs: 200 });
    const client = await bed.say(http2(headers(1, END_HEADERS, path)));
    using _trickle = trickle(client);
    expect(await resetOf(client)).toEqual({ stream: 1, payload: uint32(constants.NGHTTP2_CANCEL) });
  });

  test.each([
    ["says nothing", []],
    ["has stopped", [data("first")]],
  ])("in a stream of messages over HTTP/2 and %s has it reset", async (_what, frames) => {
    await using bed = await open(answerWhole, { headersTimeoutMs: 200, requestTimeoutMs: 200 });
    const client = await bed.say(http2(headers(1, END_HEADERS, "/stream"), ...frames));
    expect(await resetOf(client)).toEqual({ stream: 1, payload: uint32(constants.NGHTTP2_CANCEL) });
  });

  test.each([
    ["HTTP/1.1", GET],
    ["HTTP/2", http2(headers(1))],
  ])("to ask again over %s loses the connection", async (_what, bytes) => {
    await using bed = await open(answer, { idleTimeoutMs: 200, keepAliveTimeoutMs: 200 });
    const { heard } = await bed.say(bytes);
    await until(() => heard().includes("answer"));
    await bed.untilGone();
  });

  const window = setting(constants.NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
  const open2 = Buffer.concat([PREFACE, settings(window), frame(TYPE.window, 0, 0, uint32(0x7fff0000))]);
  test.each([
    ["HTTP/1.1", GET],
    ["HTTP/2", Buffer.concat([open2, headers(1)])],
  ])("to take its answer over %s loses the connection", async (_what, bytes) => {
    await using bed = await open(endless);
    const { socket } = await bed.say(bytes);
    socket.pause();
    await bed.untilGone();
  });

  test("to open the window of a stream loses the stream, and not the connection", async () => {
    await using bed = await open((request, response) => {
      (request.url === "/endless" ? endless : answer)(request, response);
    });
    const client = await bed.say(http2(headers(1, END_HEADERS | END_STREAM, "/endless")));
    expect(await resetOf(client)).toMatchObject({ stream: 1 });
    // What the connection may be sent has been used up by the first.
    client.socket.write(Buffer.concat([frame(TYPE.window, 0, 0, uint32(1_000_000)), headers(3)]));
    await until(() => client.heard().includes("answer"));
  });

  test.each([
    ["HTTP/1.1", GET],
    ["HTTP/2", http2(headers(1))],
  ])("because its stream over %s is quiet is left alone", async (_what, bytes) => {
    let finish = (): void => {};
    const begin: NodeHandler = (_request, response) => {
      (response as ServerResponse).write("first");
      finish = () => void response.end("answer");
    };
    const timeoutMs = 50;
    await using bed = await open(begin, {
      headersTimeoutMs: timeoutMs,
      requestTimeoutMs: timeoutMs,
      idleTimeoutMs: timeoutMs,
      writeTimeoutMs: timeoutMs,
    });
    const { heard } = await bed.say(bytes);
    await until(() => heard().includes("first"));
    // Each of them would have been over several times.
    await new Promise((resolve) => setTimeout(resolve, 6 * timeoutMs));
    finish();
    await until(() => heard().includes("answer"));
  });

  test("because it goes on sending messages over HTTP/2 is left alone", async () => {
    let takenBytes = 0;
    const count: NodeHandler = (request, response) => {
      request.on("data", ({ length }: Buffer) => (takenBytes += length));
      request.once("end", () => response.end("answer"));
    };
    await using bed = await open(count, { headersTimeoutMs: 500, requestTimeoutMs: 500 });
    const client = await bed.say(http2(headers(1, END_HEADERS, "/stream")));
    // A byte in 20 ms: three times as long as a body may take.
    using sending = trickle(client);
    await until(() => takenBytes >= 75 || framesOf(TYPE.reset, client.heard()).length > 0);
    sending[Symbol.dispose]();
    client.socket.write(data("last", END_STREAM));
    await until(() => client.heard().includes("answer"));
  });

  test("because what it sends is not taken is left alone", async () => {
    const timeoutMs = 200;
    let takenBytes = 0;
    const dawdle: NodeHandler = (request, response) => {
      request.on("data", ({ length }: Buffer) => (takenBytes += length));
      request.once("data", () => {
        request.pause();
        setTimeout(() => request.resume(), 3 * timeoutMs);
      });
      request.once("end", () => response.end("answer"));
    };
    await using bed = await open(dawdle, { headersTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs });
    const session = connect2(bed.url);
    const stream = session.request({ ":method": "POST", ":path": "/stream" });
    stream.end(Buffer.alloc(1_000_000));
    expect(String((await stream.toArray()).join(""))).toBe("answer");
    expect(takenBytes).toBe(1_000_000);
    session.close();
  });
});

describe.concurrent("a connection", () => {
  test("may have so many streams at once, and is told so", async () => {
    let begun = 0;
    await using bed = await open(() => void begun++, { maxStreamsPerConnection: 2 });
    const client = await bed.say(http2(headers(1), headers(3), headers(5)));
    const refused = uint32(constants.NGHTTP2_REFUSED_STREAM);
    expect(await resetOf(client)).toEqual({ stream: 5, payload: refused });
    expect(begun).toBe(2);
    const [told] = framesOf(TYPE.settings, client.heard());
    expect(told?.payload.includes(setting(constants.NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2))).toBe(true);
  });

  test("may have so many streams reset, then it is lost", async () => {
    await using bed = await open(() => {}, { resetBurst: 20, resetsPerSecond: 1 });
    const resets = Array.from({ length: 100 }, (_, index) => [
      headers(2 * index + 1),
      frame(TYPE.reset, 0, 2 * index + 1, uint32(constants.NGHTTP2_CANCEL)),
    ]);
    await bed.say(http2(...resets.flat()));
    await bed.untilGone();
  });
});

describe.concurrent("headers of more than 16 KiB", () => {
  const large = Array.from({ length: 170 }, (_, index) => [`x-${index}`, "a".repeat(100)] as const);

  test("are answered 431 over HTTP/1.1", async () => {
    await using bed = await open(answer);
    const lines = large.map(([name, value]) => `${name}: ${value}\r\n`);
    const { heard } = await bed.say(GET.replace("\r\n\r\n", `\r\n${lines.join("")}\r\n`));
    await bed.untilGone();
    expect(heard().toString()).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("have their stream reset over HTTP/2, before anybody sees them", async () => {
    let begun = 0;
    await using bed = await open(() => void begun++);
    const whole = block({ ...FIELDS, ...Object.fromEntries(large) });
    const first = frame(TYPE.headers, END_STREAM, 1, whole.subarray(0, 16_000));
    const client = await bed.say(http2(first, frame(TYPE.more, END_HEADERS, 1, whole.subarray(16_000))));
    const calm = uint32(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(await resetOf(client)).toEqual({ stream: 1, payload: calm });
    expect(begun).toBe(0);
  });

  test("that never end cost the connection", async () => {
    await using bed = await open(answer);
    const more = frame(TYPE.more, 0, 1, block({ "x-a": "a".repeat(100) }));
    await bed.say(http2(headers(1, END_STREAM), ...Array<Buffer>(2_000).fill(more)));
    await bed.untilGone();
  });
});
