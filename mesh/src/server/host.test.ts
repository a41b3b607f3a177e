import { once } from "node:events";
import { connect } from "node:net";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { until } from "../../testing/until.ts";
import { systemClock } from "../clock.ts";
import { GrpcHost } from "./host.ts";
import { serve } from "./served.ts";
import { failureOf, StockClient } from "./stock-client.fixture.ts";
import { hostOf } from "./test-host.fixture.ts";

const { echo, echoStream } = EchoService.method;

/** An Echo whose calls wait until they are let go. */
function gate() {
  const { promise: open, resolve: release } = Promise.withResolvers<void>();
  let waiting = 0;
  const parts: Partial<ServiceImpl<typeof EchoService>> = {
    async echo({ text }) {
      waiting++;
      await open;
      return { text };
    },
    async *echoStream() {
      waiting++;
      yield {};
      await open;
    },
  };
  return { served: serve(EchoService, { ...echoService(), ...parts }), release, waiting: () => waiting };
}

test("a drain lets calls in flight finish and takes no new connection", async () => {
  const { served, release, waiting } = gate();
  const { host, port, client } = await hostOf(served);
  const inFlight = client.unary(echo, { text: "still answered" });
  await until(() => waiting() === 1);
  const drained = host.drain(5_000);
  const late = new StockClient(port);
  expect(await failureOf(late.unary(echo, {}))).toMatchObject({ code: Code.Unavailable });
  late.close();
  release();
  expect((await inFlight).answer.text).toBe("still answered");
  expect(await drained).toBe(0);
});

test("calls that outlast the drain are told that the server is going", async () => {
  const { served, waiting } = gate();
  const { host, client } = await hostOf(served);
  const unary = failureOf(client.unary(echo, {}));
  const stream = client.open(echoStream);
  stream.end({});
  const streamed = failureOf(
    (async () => {
      for await (const _ of stream);
    })(),
  );
  await until(() => waiting() === 2);
  expect(await host.drain(50)).toBe(2);
  expect(await unary).toMatchObject({ code: Code.Unavailable, details: "the server is shutting down" });
  expect(await streamed).toMatchObject({ code: Code.Unavailable, details: "the server is shutting down" });
});

test("a port that is taken is an error, not a crash", async () => {
  const { port } = await hostOf();
  const second = new GrpcHost({
    log: pino({ level: "silent" }),
    metrics: new Registry(),
    clock: systemClock,
  });
  await expect(second.listen("127.0.0.1", port)).rejects.toThrow(/EADDRINUSE/);
});

test("peers that do not speak HTTP/2, or break off, disturb nobody", async () => {
  const { port, client } = await hostOf(gate().served);
  const babbler = connect(port, "127.0.0.1", () => babbler.write("GET / HTTP/1.1\r\n\r\n"));
  const quitter = connect(port, "127.0.0.1", () => quitter.resetAndDestroy());
  for (const socket of [babbler, quitter]) socket.on("error", () => {});
  await Promise.all([once(babbler.resume(), "close"), once(quitter, "close")]);
  expect(await failureOf(client.unary(echo, { failCode: 77 }))).toMatchObject({ code: Code.InvalidArgument });
});
