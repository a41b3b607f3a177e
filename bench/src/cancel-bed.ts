import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@antiphon/mesh/testing";
import {
  EchoRequestSchema,
  EchoService,
  EchoStreamRequestSchema,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, toBinary } from "@bufbuild/protobuf";
import { enveloped } from "../../gateway/testing/raw.ts";
import type { Seen } from "../peers/cancel/backend.ts";
import { clockMs, MESSAGE_BYTES } from "../peers/cancel/shared.ts";
import { pathOf } from "../peers/gateway/messages.ts";
import type { Held } from "../peers/gateway/serve-usage.ts";
import { type BrowserKind, type CallRequest, openBrowser } from "./leaving-browser.ts";
import { Worker } from "./rounds.ts";

/** A gateway, or its peer, in a process of its own. */
export interface Front {
  readonly worker: Worker;
  readonly ports: Readonly<Record<BrowserKind, number>>;
}

/** Of so many operations so many were seen to the end, with what was measured of them. */
export interface Outcome {
  readonly offered: number;
  readonly achieved: number;
  readonly values: readonly number[];
}

export interface CancelBed {
  /** `file` serves usage, and tells its port or its ports. */
  startFront(file: string): Promise<Front>;
  /** Milliseconds from a browser's leaving a call to the handler's hearing of it. */
  leave(front: Front, browser: BrowserKind, kind: "unary" | "stream"): Promise<Outcome>;
  /** Calls that are open at the service after browsers have aborted streams, half of them before the first message. */
  abortStreams(front: Front, browser: BrowserKind, streams: number): Promise<Outcome>;
  /** Bytes that a front holds for each reader that has stalled, and how many the service was rid of. */
  stall(front: Front, browser: BrowserKind): Promise<{ held: Outcome; pushed: Outcome }>;
  close(): void;
}

/** Calls that are under way at once. */
const AT_ONCE = 25;
const LEAVE_EVERY_MS = 2;
/** Streams of one browser: no more than a connection of the gateway may have, and reset. */
const STREAMS = 50;
const STALLED = 8;
/** A call that has not heard by then that it was left never does. */
const PATIENCE = { timeoutMs: 3_000 };
/** A service that was rid of nothing for so long is at rest. */
const REST_MS = 200;

export async function openCancelBed(): Promise<CancelBed> {
  const backend = new Worker("../peers/cancel/backend.ts", []);
  const backendPort = await backend.hear<number>();
  const workers = [backend];
  const leftAtMs = new Map<number, number>();
  let number = 0;

  const look = async (): Promise<Seen> => {
    const seen = await backend.ask<Seen>("report");
    for (const [call, atMs] of Object.entries(seen.leftAtMs)) leftAtMs.set(Number(call), atMs);
    return seen;
  };
  /** Whether it came true in time. */
  const seen = (isTrue: (seen: Seen) => boolean): Promise<boolean> =>
    until(async () => isTrue(await look()), PATIENCE).then(
      () => true,
      () => false,
    );

  return {
    async startFront(file) {
      const worker = new Worker(file, [String(backendPort)]);
      workers.push(worker);
      const ports = await worker.hear<number | Front["ports"]>();
      return { worker, ports: typeof ports === "number" ? { http1: ports, http2: ports } : ports };
    },

    async leave({ ports }, browser, kind) {
      const before = await look();
      const page = openBrowser(browser, ports[browser]);
      const calls = Array.from({ length: AT_ONCE }, () => {
        const id = ++number;
        return { id, call: page.call(kind === "unary" ? unary(id) : stream(id)) };
      });
      await seen(({ came }) => came - before.came === AT_ONCE);
      if (kind === "stream") await Promise.all(calls.map(({ call }) => call.answered));
      const leavingAtMs = new Map<number, number>();
      for (const { id, call } of calls) {
        leavingAtMs.set(id, clockMs());
        call.leave();
        await sleep(LEAVE_EVERY_MS);
      }
      await seen(() => calls.every(({ id }) => leftAtMs.has(id)));
      page.close();
      const values = calls.flatMap(({ id }) => {
        const heardAtMs = leftAtMs.get(id);
        return heardAtMs === undefined ? [] : [heardAtMs - leavingAtMs.get(id)!];
      });
      return { offered: AT_ONCE, achieved: values.length, values };
    },

    async abortStreams({ ports }, browser, streams) {
      const before = await look();
      for (let opened = 0; opened < streams; opened += STREAMS) {
        const page = openBrowser(browser, ports[browser]);
        const calls = Array.from({ length: STREAMS }, () => page.call(stream(++number)));
        await Promise.all(calls.map(({ sent, answered }, index) => (index % 2 === 0 ? sent : answered)));
        for (const call of calls) call.leave();
        await sleep(LEAVE_EVERY_MS);
        page.close();
      }
      await seen(({ open }) => open <= before.open);
      const after = await look();
      return { offered: streams, achieved: after.came - before.came, values: [after.open - before.open] };
    },

    async stall({ worker, ports }, browser) {
      const before = { ...(await look()), ...(await worker.ask<Held>("memory")) };
      const pages = Array.from({ length: STALLED }, () => openBrowser(browser, ports[browser]));
      const calls = pages.map((page) => page.call(stream(++number, true)));
      let last = -1;
      await seen(({ came }) => came - before.came === STALLED);
      await until(async () => {
        await sleep(REST_MS);
        const { pushed } = await look();
        const rests = pushed === last;
        last = pushed;
        return rests;
      });
      const after = { ...(await look()), ...(await worker.ask<Held>("memory")) };
      for (const call of calls) call.leave();
      await seen(({ open }) => open <= before.open);
      for (const page of pages) page.close();
      const each = (bytes: number): Outcome => ({
        offered: STALLED,
        achieved: after.came - before.came,
        values: [bytes / STALLED],
      });
      return {
        held: each(after.heapBytes - before.heapBytes),
        pushed: each((after.pushed - before.pushed) * MESSAGE_BYTES),
      };
    },

    close() {
      for (const worker of workers) worker.stop();
    },
  };
}

/** The call is told from others by what it asks for. */
function unary(id: number): CallRequest {
  const body = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: String(id) }));
  return { path: pathOf(EchoService.method.echo), type: "application/proto", body, reads: true };
}

/** Quiet after its first message, or `endless` and not read. */
function stream(id: number, endless = false): CallRequest {
  const asked = create(EchoStreamRequestSchema, { count: id, intervalMs: endless ? 0 : 1 });
  return {
    path: pathOf(EchoService.method.echoStream),
    type: "application/connect+proto",
    body: enveloped(toBinary(EchoStreamRequestSchema, asked)),
    reads: !endless,
  };
}
