/// <reference lib="dom" />
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../../gateway/testing/edge.ts";
import { bundle } from "../../web/testing/bundle.ts";
import { chromiumArgs, ensureChromium } from "../src/chromium.ts";
import type { ProtocolPage, Way } from "../src/protocol-page.ts";

/** Chromium with connect-web, in a page of the gateway's and in one of another origin, against a gateway of its own. */
let edge: TestEdge;
let elsewhere: Server;
let browser: Browser;
let context: BrowserContext;
const metrics = new Registry();

beforeAll(async () => {
  const script = await bundle(fileURLToPath(new URL("../src/protocol-page.ts", import.meta.url)));
  const html = `<!doctype html><title>protocols</title><script type="module">${script.replaceAll("</script", "<\\/script")}</script>`;
  elsewhere = createServer(
    (_request, response) => void response.setHeader("content-type", "text/html").end(html),
  );
  await once(elsewhere.listen(0, "127.0.0.1"), "listening");
  edge = await startEdge({
    cached: ["GetTrack"],
    metrics,
    origins: [urlOf("another origin")],
    page(_request, response) {
      response.setHeader("content-type", "text/html");
      response.end(html);
    },
  });
  browser = await chromium.launch({
    executablePath: ensureChromium((line) => console.error(line)),
    args: chromiumArgs,
  });
  context = await browser.newContext();
});
afterAll(async () => {
  await browser?.close();
  elsewhere?.close();
  if (edge) await stopEdge(edge);
});

const PLACES = ["the same origin", "another origin"] as const;
type Place = (typeof PLACES)[number];

/** Where a page is; `localhost` on two ports is one site with two origins. */
function urlOf(place: Place): string {
  const port = place === "the same origin" ? edge.front.port : (elsewhere.address() as AddressInfo).port;
  return `http://localhost:${port}`;
}

async function run<T>(
  page: Page,
  call: (page: ProtocolPage, way: Way, trackId: string) => Promise<T>,
  way: Way,
) {
  const source = `((${call})(page, ${JSON.stringify(way)}, ${JSON.stringify(TRACK_ID)}))`;
  return page.evaluate<T>(source);
}

/** How often the gateway has answered GetTrack with a status. */
async function answered(status: string): Promise<number> {
  const values = (await metrics.getSingleMetric("gateway_requests_total")?.get())?.values ?? [];
  return values
    .filter(({ labels }) => String(labels.route).endsWith("/GetTrack") && labels.status === status)
    .reduce((sum, { value }) => sum + value, 0);
}

describe.each(PLACES)("a page of %s", (place) => {
  let page: Page;
  beforeAll(async () => {
    page = await context.newPage();
    await page.goto(`${urlOf(place)}/`);
    await run(page, (own, { baseUrl }) => own.signIn(baseUrl), wayOf("connect", true));
  });

  const wayOf = (protocol: Way["protocol"], useBinaryFormat: boolean): Way => ({
    baseUrl: urlOf("the same origin"),
    protocol,
    useBinaryFormat,
  });

  test.each([
    ["connect", true],
    ["connect", false],
    ["grpc-web", true],
    ["grpc-web", false],
  ] as const)("calls, fails and streams over %s, binary %s", async (protocol, binary) => {
    const way = wayOf(protocol, binary);
    expect(await run(page, (own, way, trackId) => own.call(way, trackId), way)).toEqual({
      title: "Ode",
      code: "NotFound",
      reasons: ["TRACK_NOT_FOUND"],
      versions: ["1", "2", "3"],
      trailers: ["a trailer", "a trailer"],
    });
  });

  test.each([
    ["binary", true],
    ["JSON", false],
  ])("keeps a GET in %s, and asks whether it has changed when told to", async (_codec, binary) => {
    const way = wayOf("connect", binary);
    const before = { ok: await answered("200"), unchanged: await answered("304") };
    expect(await run(page, (own, way, id) => own.get(way, id, "reload"), way)).toBe("Ode");
    expect(await run(page, (own, way, id) => own.get(way, id, "default"), way)).toBe("Ode");
    expect(await run(page, (own, way, id) => own.get(way, id, "no-cache"), way)).toBe("Ode");
    await expect.poll(() => answered("304")).toBe(before.unchanged + 1);
    expect(await answered("200")).toBe(before.ok + 1);
  });
});

test("a page of an origin that is not allowed sees nothing", async () => {
  const page = await context.newPage();
  await page.goto(urlOf("another origin").replace("localhost", "127.0.0.1"));
  const way: Way = { baseUrl: urlOf("the same origin"), protocol: "connect", useBinaryFormat: true };
  await expect(run(page, (own, way, trackId) => own.call(way, trackId), way)).rejects.toThrow(
    /Failed to fetch/,
  );
});
