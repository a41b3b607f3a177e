import {
  type EchoRequest,
  EchoRequestSchema,
  EchoResponseSchema,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { LoadOrder, LoadResult } from "../src/overload.ts";

/**
 * Makes calls with a stock grpc-js client that retries nothing: so many a second whatever becomes of them,
 * at random times as independent callers would, or so many at a time.
 */
const [port, deadlineMs] = process.argv.slice(2).map(Number);
const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
const request = create(EchoRequestSchema, { text: "x".repeat(100) });
const serialize = (message: EchoRequest) => Buffer.from(toBinary(EchoRequestSchema, message));
const deserialize = (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes);

/** Lehmer's generator: both servers hear the same arrivals. */
let seed = 1;
const random = () => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
};

class Tally implements LoadResult {
  offered = 0;
  readonly tookMs: number[] = [];
  readonly codes: Record<number, number> = {};

  /** @param dueAtMs when the call should have been made: a late generator must not flatter anybody */
  call(dueAtMs: number): Promise<void> {
    this.offered++;
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        "/antiphon.mesh.v1.EchoService/Echo",
        serialize,
        deserialize,
        request,
        new grpc.Metadata(),
        { deadline: Date.now() + deadlineMs! },
        (error) => {
          const code = error?.code ?? 0;
          this.codes[code] = (this.codes[code] ?? 0) + 1;
          if (!error) this.tookMs.push(performance.now() - dueAtMs);
          resolve();
        },
      );
    });
  }
}

/** Calls of the first `settleMs` are made, and not counted. */
async function open(perSecond: number, settleMs: number, forMs: number): Promise<LoadResult> {
  const settling = new Tally();
  const tally = new Tally();
  const calls: Promise<void>[] = [];
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + settleMs + forMs;
  let dueAtMs = startedAtMs;
  while (dueAtMs < endsAtMs) {
    while (dueAtMs <= performance.now() && dueAtMs < endsAtMs) {
      const counted = dueAtMs >= startedAtMs + settleMs;
      calls.push((counted ? tally : settling).call(dueAtMs));
      dueAtMs += (-Math.log(1 - random()) * 1_000) / perSecond;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAtMs - performance.now())));
  }
  await Promise.all(calls);
  return tally;
}

async function closed(concurrency: number, forMs: number): Promise<LoadResult> {
  const tally = new Tally();
  const endsAtMs = performance.now() + forMs;
  const loop = async () => {
    while (performance.now() < endsAtMs) await tally.call(performance.now());
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  return tally;
}

process.on("message", async (order: LoadOrder) => {
  const { forMs } = order;
  const result = await ("concurrency" in order
    ? closed(order.concurrency, forMs)
    : open(order.perSecond, order.settleMs, forMs));
  process.send?.(result);
});
process.send?.("ready");
