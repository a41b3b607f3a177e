import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import { echoBench, failureOf } from "./echo-bench.fixture.ts";

const bench = echoBench();
afterEach(bench.release);

test("a server stream is read to its end", async () => {
  const peer = await bench.peer({
    echoStream: (call) => {
      for (let index = 0; index < call.request.count; index++) {
        call.write({ index, payload: new Uint8Array(10) });
      }
      call.end();
    },
  });
  const seen: number[] = [];
  for await (const { index } of bench.client(peer.target).echoStream({ count: 100 })) seen.push(index);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
});

test("a client stream is collected into one answer", async () => {
  const peer = await bench.peer({
    echoCollect: (call, answer) => {
      const texts: string[] = [];
      call.on("data", ({ text }) => texts.push(text)).on("end", () => answer(null, { texts }));
    },
  });
  const { texts } = await bench.client(peer.target).echoCollect(
    (async function* () {
      yield { text: "a" };
      yield { text: "b" };
    })(),
  );
  expect(texts).toEqual(["a", "b"]);
});

test("both sides of a bidirectional stream talk in turn", async () => {
  const peer = await bench.peer({
    echoBoth: (call) => {
      call.on("data", ({ text }) => call.write({ text: text.toUpperCase() })).on("end", () => call.end());
    },
  });
  let answered = Promise.withResolvers<void>();
  const heard: string[] = [];
  const answers = bench.client(peer.target).echoBoth(
    (async function* () {
      for (const text of ["call", "response"]) {
        answered = Promise.withResolvers();
        yield { text };
        await answered.promise;
      }
    })(),
  );
  for await (const { text } of answers) {
    heard.push(text);
    answered.resolve();
  }
  expect(heard).toEqual(["CALL", "RESPONSE"]);
});

test("a server goes on after its caller has said its last", async () => {
  const peer = await bench.peer({
    echoBoth: (call) => {
      call.on("data", () => {});
      call.on("end", () => {
        for (const text of ["still", "here"]) call.write({ text });
        call.end();
      });
    },
  });
  const heard: string[] = [];
  const question = (async function* () {
    yield { text: "anybody there?" };
  })();
  for await (const { text } of bench.client(peer.target).echoBoth(question)) heard.push(text);
  expect(heard).toEqual(["still", "here"]);
});

test("a server that has heard enough answers before its caller has said everything", async () => {
  const peer = await bench.peer({
    echoCollect: (call, answer) => void call.once("data", ({ text }) => answer(null, { texts: [text] })),
  });
  let sent = 0;
  const endless = (async function* () {
    for (;;) yield { text: `${sent++} ${"x".repeat(10_000)}` };
  })();
  const { texts } = await bench.client(peer.target).echoCollect(endless);
  expect(texts[0]).toMatch(/^0 /);
  expect((await endless.next()).done).toBe(true);
});

test("an aborted stream is cancelled at the server", async () => {
  const cancelled = Promise.withResolvers<void>();
  const peer = await bench.peer({
    echoStream: (call) => {
      call.on("cancelled", () => cancelled.resolve());
      call.write({ index: 1 });
    },
  });
  const caller = new AbortController();
  const read = async () => {
    for await (const _ of bench.client(peer.target).echoStream({}, { signal: caller.signal })) caller.abort();
  };
  expect((await failureOf(read())).code).toBe(Code.Canceled);
  await cancelled.promise;
});

test("a reader that leaves a stream early cancels it", async () => {
  const cancelled = Promise.withResolvers<void>();
  const peer = await bench.peer({
    echoStream: (call) => {
      call.on("cancelled", () => cancelled.resolve());
      call.write({ index: 1 });
    },
  });
  const transport = bench.transport(peer.target);
  const input = (async function* () {
    yield { count: 1 };
  })();
  const { message } = await transport.stream(
    EchoService.method.echoStream,
    undefined,
    undefined,
    undefined,
    input,
  );
  for await (const _ of message) break;
  await cancelled.promise;
});

test("a stalled reader holds a fast writer back", async () => {
  let written = 0;
  let lastWriteAtMs = 0;
  const peer = await bench.peer({
    echoStream: async (call) => {
      for (; written < 200 && !call.cancelled; written++) {
        lastWriteAtMs = performance.now();
        if (!call.write({ payload: new Uint8Array(64 * 1024) })) {
          await new Promise((resolve) => call.once("drain", resolve));
        }
      }
      call.end();
    },
  });
  const iterator = bench.client(peer.target).echoStream({})[Symbol.asyncIterator]();
  await iterator.next();
  await until(() => performance.now() - lastWriteAtMs > 100);
  expect(written).toBeLessThan(60);
  let read = 1;
  while (!(await iterator.next()).done) read++;
  expect(read).toBe(200);
});

test("a request stream is held back by a server that does not read, and told when it is over", async () => {
  const read = Promise.withResolvers<void>();
  const peer = await bench.peer({
    echoCollect: (call, answer) => {
      call.pause();
      let count = 0;
      call.on("data", () => count++).on("end", () => answer(null, { texts: [String(count)] }));
      void read.promise.then(() => call.resume());
    },
  });
  let sent = 0;
  let lastSentAtMs = performance.now();
  const { texts } = await bench.client(peer.target).echoCollect(
    (async function* () {
      const stalled = until(() => performance.now() - lastSentAtMs > 100);
      void stalled.then(() => {
        expect(sent).toBeLessThan(100);
        read.resolve();
      });
      for (; sent < 200; sent++) {
        lastSentAtMs = performance.now();
        yield { text: "x".repeat(50_000) };
      }
    })(),
  );
  expect(texts).toEqual(["200"]);
});

test("a source of messages is closed when the server ends the call", async () => {
  const peer = await bench.peer({
    echoBoth: (call) => {
      call.emit("error", { code: grpc.status.FAILED_PRECONDITION, details: "not today" });
    },
  });
  const closed = Promise.withResolvers<void>();
  const endless: AsyncIterable<{ text: string }> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        closed.resolve();
        return { done: true, value: undefined };
      },
    }),
  };
  const read = async () => {
    for await (const _ of bench.client(peer.target).echoBoth(endless));
  };
  expect((await failureOf(read())).code).toBe(Code.FailedPrecondition);
  await closed.promise;
});

test("a request stream that throws cancels its call", async () => {
  const cancelled = Promise.withResolvers<void>();
  const peer = await bench.peer({
    echoCollect: (call) => void call.on("cancelled", () => cancelled.resolve()).resume(),
  });
  const broken = (async function* () {
    yield { text: "a" };
    throw new Error("the microphone is gone");
  })();
  const error = await failureOf(bench.client(peer.target).echoCollect(broken));
  expect(error).toMatchObject({ code: Code.Canceled, rawMessage: expect.stringContaining("microphone") });
  await cancelled.promise;
});
