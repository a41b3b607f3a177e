import { type EchoRequest, EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { startMesh, type TestService } from "../../testing/test-mesh.ts";
import { until } from "../../testing/until.ts";
import { serve } from "./served.ts";

/** A service that only asks the next one. */
function relay(name: string, next: string): TestService {
  return {
    name,
    build: (deps) => {
      const client = deps.client(EchoService, { target: `consul:///${next}` });
      return [serve(EchoService, { ...echoService(), echo: (request) => client.echo(request) })];
    },
  };
}

function last(name: string, echo: (context: HandlerContext) => Promise<object>): TestService {
  const served = serve(EchoService, { ...echoService(), echo: (_request, context) => echo(context) });
  return { name, served: [served] };
}

async function chain(...services: TestService[]) {
  const mesh = await startMesh({ services });
  onTestFinished(() => mesh.stop());
  const client = mesh.client(EchoService, { target: `consul:///${services[0]!.name}` });
  return { client };
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

test("a caller that gives up is heard three hops away", async () => {
  const reached = Promise.withResolvers<AbortSignal>();
  const { client } = await chain(
    relay("first", "second"),
    relay("second", "third"),
    last("third", async ({ signal }) => {
      reached.resolve(signal);
      await aborted(signal);
      return {};
    }),
  );
  const caller = new AbortController();
  const call = client.echo({}, { signal: caller.signal });
  const signal = await reached.promise;
  caller.abort();
  await expect(call).rejects.toMatchObject({ code: Code.Canceled });
  await until(() => signal.aborted);
  expect(ConnectError.from(signal.reason).code).toBe(Code.Canceled);
});

test("three hops away a call has what is left of the caller's time, and ends with it", async () => {
  let remainingMs: number | undefined;
  const ended = Promise.withResolvers<void>();
  const { client } = await chain(
    relay("first", "second"),
    relay("second", "third"),
    last("third", async (context) => {
      const { signal } = context;
      remainingMs = context.timeoutMs();
      await aborted(signal);
      ended.resolve();
      return {};
    }),
  );
  await expect(client.echo({}, { timeoutMs: 300 })).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  await ended.promise;
  expect(remainingMs).toBeLessThanOrEqual(300);
});

test("a service whose dependency is away is asked once, and keeps its good name", async () => {
  let asked = 0;
  const { client } = await chain({
    name: "first",
    build: (deps) => {
      const nobody = deps.client(EchoService, { target: "consul:///nobody" });
      const echo = (request: EchoRequest) => {
        asked++;
        return nobody.echo(request);
      };
      return [serve(EchoService, { ...echoService(), echo })];
    },
  });
  for (let call = 0; call < 10; call++) {
    const error = ConnectError.from(await client.echo({}).catch((caught: unknown) => caught));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(MeshErrorDetailSchema)[0]?.reason).toBe(MeshErrorReason.NO_ENDPOINTS);
  }
  expect(asked).toBe(10);
});
