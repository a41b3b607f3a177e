import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { enveloped } from "../../../gateway/testing/raw.ts";
import { reviewPath } from "../../../gateway/testing/reviews.ts";

/**
 * One kind of call. So many a second start when they are due, whether or not earlier ones have ended; or so
 * many are made at a time.
 */
export type CallOrder = CallKind & ({ readonly perSecond: number } | { readonly atATime: number });

export interface CallKind {
  readonly method: string;
  readonly textBytes: number;
  /** How many browsers make them, each on connections of its own. */
  readonly browsers: number;
  readonly deadlineMs: number;
}

export interface BrowserOrder {
  readonly calls: readonly CallOrder[];
  /** How many streams are open all the time, each on a connection of its own. */
  readonly streams: number;
  readonly durationMs: number;
}

export interface CallResult {
  readonly offered: number;
  /** Of those that succeeded. */
  readonly tookMs: readonly number[];
  readonly failures: Record<string, number>;
  /** Sent once more because a connection that had been idle was gone, as browsers do. */
  readonly resent: number;
}

export interface BrowserResult {
  readonly calls: readonly CallResult[];
  readonly streams: { opened: number; pushes: number; leastPushes: number; ends: Record<string, number> };
}

/** The gateways that a balancer gives new connections to; a browser stays where it is connected. */
export interface Gateways {
  readonly ports: readonly number[];
}

interface Browser {
  readonly agent: http.Agent;
  port: number;
}

const OPENED_A_SECOND = 200;
const ATTEMPTS = 3;
let ports: readonly number[] = [];
let turns = 0;

function nextPort(): number {
  return ports[turns++ % ports.length]!;
}

async function run({ calls, streams, durationMs }: BrowserOrder): Promise<BrowserResult> {
  const over = new AbortController();
  const watched = {
    opened: 0,
    pushes: 0,
    leastPushes: Number.POSITIVE_INFINITY,
    ends: {} as Record<string, number>,
  };
  const watchers: Promise<void>[] = [];
  for (let index = 0; index < streams; index++) {
    watchers.push(watch(watched, over.signal));
    await sleep(1_000 / OPENED_A_SECOND);
  }
  const results = await Promise.all(calls.map((order) => load(order, durationMs)));
  if (calls.length === 0) await sleep(durationMs);
  over.abort();
  await Promise.all(watchers);
  return { calls: results, streams: watched };
}

async function load(order: CallOrder, durationMs: number): Promise<CallResult> {
  const { method, textBytes } = order;
  const browsers = Array.from({ length: order.browsers }, (): Browser => {
    return { agent: new http.Agent({ keepAlive: true }), port: nextPort() };
  });
  const body = Buffer.from(JSON.stringify({ text: "é\n".repeat(textBytes / 3) }));
  const result = { offered: 0, tookMs: [] as number[], failures: {} as Record<string, number>, resent: 0 };
  const one = async (browser: Browser) => {
    const startedAtMs = performance.now();
    const outcome = await send(browser, reviewPath(method), body, order.deadlineMs, result);
    if (outcome === "200") result.tookMs.push(performance.now() - startedAtMs);
    else result.failures[outcome] = (result.failures[outcome] ?? 0) + 1;
  };
  const startedAtMs = performance.now();
  const next = () => one(browsers[result.offered++ % browsers.length]!);
  const running: Promise<void>[] = [];
  if ("atATime" in order) {
    const loop = async () => {
      while (performance.now() < startedAtMs + durationMs) await next();
    };
    running.push(...Array.from({ length: order.atATime }, loop));
  } else {
    const { perSecond } = order;
    const total = Math.round((perSecond * durationMs) / 1_000);
    while (result.offered < total) {
      const waitMs = startedAtMs + (result.offered * 1_000) / perSecond - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      running.push(next());
    }
  }
  await Promise.all(running);
  for (const { agent } of browsers) agent.destroy();
  return result;
}

async function send(
  browser: Browser,
  path: string,
  body: Buffer,
  deadlineMs: number,
  result: { resent: number },
): Promise<string> {
  let outcome = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await post(browser, path, body, deadlineMs);
    outcome = answer.outcome;
    const unsent = answer.stale || outcome === "ECONNREFUSED";
    if (answer.last || unsent) browser.port = nextPort();
    if (!unsent) break;
    result.resent++;
  }
  return outcome;
}

interface Answered {
  readonly outcome: string;
  /** The connection had been idle, and was gone. */
  readonly stale: boolean;
  /** It was the last on its connection. */
  readonly last: boolean;
}

function post({ port, agent }: Browser, path: string, body: Buffer, deadlineMs: number): Promise<Answered> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", "content-length": body.length };
    const signal = AbortSignal.timeout(deadlineMs);
    const end = (outcome: string, { stale = false, last = false } = {}) =>
      resolve({ outcome: signal.aborted ? "late" : outcome, stale, last });
    const options = { host: "127.0.0.1", port, path, method: "POST", agent, headers, signal };
    const sent = http.request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      const last = answer.headers.connection === "close";
      answer.once("end", () => end(outcomeOf(answer.statusCode, chunks), { last }));
      answer.once("error", () => end("cut"));
    });
    sent.once("error", ({ code = "" }: NodeJS.ErrnoException) => {
      end(code, { stale: sent.reusedSocket && code === "ECONNRESET" });
    });
    sent.end(body);
  });
}

/** The status, and why where it is a refusal. */
function outcomeOf(status: number | undefined, chunks: readonly Buffer[]): string {
  if (status === 200) return "200";
  return `${status} ${/"message":"([^"]*)/.exec(Buffer.concat(chunks).toString())?.[1] ?? ""}`.trim();
}

/** Keeps a stream open until `over`: one that ends is opened again. */
async function watch(watched: BrowserResult["streams"], over: AbortSignal): Promise<void> {
  let pushes = 0;
  while (!over.aborted) {
    const end = await watchOnce(nextPort(), over, () => pushes++);
    if (end === "ECONNREFUSED") await sleep(20);
    else if (!over.aborted) watched.ends[end] = (watched.ends[end] ?? 0) + 1;
  }
  watched.opened++;
  watched.pushes += pushes;
  watched.leastPushes = Math.min(watched.leastPushes, pushes);
}

function watchOnce(port: number, signal: AbortSignal, onPush: () => void): Promise<string> {
  return new Promise((resolve) => {
    const body = enveloped(Buffer.from('{"text":"a"}'));
    const headers = { "content-type": "application/connect+json", "content-length": body.length };
    const path = reviewPath("WatchReviews");
    const options = { host: "127.0.0.1", port, path, method: "POST", headers, signal, agent: false as const };
    const sent = http.request(options, (answer) => {
      let tail = "";
      answer.setEncoding("latin1").on("data", (chunk: string) => {
        for (const _push of chunk.matchAll(/\{"text"/g)) onPush();
        tail = (tail + chunk).slice(-300);
      });
      answer.once("end", () => resolve(/"code":"(\w+)"/.exec(tail)?.[1] ?? "ended"));
      answer.once("error", () => resolve("cut"));
    });
    sent.once("error", ({ code = "cut" }: NodeJS.ErrnoException) => resolve(code));
    sent.end(body);
  });
}

process.on("message", async (order: BrowserOrder | Gateways) => {
  if ("ports" in order) ports = order.ports;
  else process.send?.(await run(order));
});
process.send?.("ready");
