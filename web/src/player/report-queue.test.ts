import { PlaybackEventKind } from "@antiphon/proto/antiphon/player/v1/player";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Report, ReportQueue } from "./report-queue.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const report = (playbackId: string): Report => ({ playbackId, kind: PlaybackEventKind.QUALIFIED });

it("what is reported while the network is away for a minute arrives afterwards, in order", async () => {
  const arrived: unknown[] = [];
  let away = true;
  const queue = new ReportQueue(
    async ({ playbackId }) => {
      if (away) throw new TypeError("Failed to fetch");
      arrived.push(playbackId);
    },
    () => false,
  );
  for (const id of ["a", "b"]) queue.push(report(id));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(arrived).toEqual([]);
  away = false;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(arrived).toEqual(["a", "b"]);
});

it("a report that is refused for good does not keep the next one waiting", async () => {
  const send = vi.fn(async ({ playbackId }: Report) => {
    if (playbackId === "refused") throw new Error("not heard yet");
  });
  const queue = new ReportQueue(send, () => true);
  for (const id of ["refused", "next"]) queue.push(report(id));
  await vi.advanceTimersByTimeAsync(0);
  expect(send.mock.calls.map(([{ playbackId }]) => playbackId)).toEqual(["refused", "next"]);
});
