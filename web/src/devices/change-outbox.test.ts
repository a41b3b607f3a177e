import { describe, expect, it } from "vitest";
import { type Batch, ChangeOutbox } from "./change-outbox.ts";
import type { ChangeInit } from "./queue-changes.ts";

const seek = (positionMs: number): ChangeInit => ({ case: "seek", value: { positionMs } });
const remove = (uid: string): ChangeInit => ({ case: "remove", value: { itemIds: [uid] } });

/** A server that answers when it is told to. */
function bed() {
  const sent: Batch[] = [];
  const answers: { resolve(version: bigint): void; reject(error: Error): void }[] = [];
  const refused: unknown[] = [];
  let idle = () => {};
  const whenIdle = new Promise<void>((resolve) => {
    idle = resolve;
  });
  const outbox = new ChangeOutbox({
    send: (batch) => {
      sent.push(batch);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    isFinal: (error) => error instanceof TypeError,
    onRefused: (error) => refused.push(error),
    onIdle: () => idle(),
  });
  const isSent = async (count: number) => {
    while (sent.length < count) await new Promise(setImmediate);
  };
  return { outbox, sent, answers, refused, whenIdle, isSent };
}

describe("changes on their way", () => {
  it("go together where they were made at once, under one key", async () => {
    const { outbox, sent, answers, whenIdle, isSent } = bed();
    const keys = [outbox.push([remove("a")], 3n), outbox.push([remove("b")], 3n)];
    await isSent(1);
    expect(new Set(keys)).toEqual(new Set([sent[0]?.key]));
    expect(sent[0]).toMatchObject({ baseVersion: 3n, changes: [remove("a"), remove("b")] });
    expect(outbox.isBusy).toBe(true);
    answers[0]?.resolve(4n);
    await whenIdle;
    expect([outbox.isBusy, outbox.version]).toEqual([false, 4n]);
  });

  it("wait for those before them, together", async () => {
    const { outbox, sent, answers, whenIdle, isSent } = bed();
    outbox.push([remove("a")], 1n);
    await isSent(1);
    outbox.push([remove("b")], 1n);
    outbox.push([remove("c")], 1n);
    answers[0]?.resolve(2n);
    await isSent(2);
    expect(sent[1]?.changes).toEqual([remove("b"), remove("c")]);
    answers[1]?.resolve(3n);
    await whenIdle;
  });

  it("hold only the last place that a slider was dragged to", async () => {
    const { outbox, sent, isSent } = bed();
    outbox.push([seek(1)], 1n);
    outbox.push([seek(2)], 1n);
    await isSent(1);
    expect(sent[0]?.changes).toEqual([seek(2)]);
    outbox.stop();
  });

  it("are sent again under the same key while the network is away", async () => {
    const { outbox, sent, answers, refused, whenIdle, isSent } = bed();
    outbox.push([remove("a")], 1n);
    await isSent(1);
    answers[0]?.reject(new Error("no network"));
    await isSent(2);
    expect(sent[1]?.key).toBe(sent[0]?.key);
    answers[1]?.resolve(2n);
    await whenIdle;
    expect(refused).toEqual([]);
  });

  it("are given up when they are refused, and what follows is sent", async () => {
    const { outbox, sent, answers, refused, whenIdle, isSent } = bed();
    outbox.push([remove("a")], 1n);
    await isSent(1);
    outbox.push([remove("b")], 1n);
    answers[0]?.reject(new TypeError("full"));
    await isSent(2);
    expect(refused).toHaveLength(1);
    expect(sent[1]?.changes).toEqual([remove("b")]);
    answers[1]?.resolve(2n);
    await whenIdle;
  });

  it("are as many at once as the contract takes", async () => {
    const { outbox, sent, answers, whenIdle, isSent } = bed();
    for (let index = 0; index < 150; index++) outbox.push([remove(String(index))], 1n);
    await isSent(1);
    answers[0]?.resolve(2n);
    await isSent(2);
    expect(sent.map(({ changes }) => changes.length)).toEqual([100, 50]);
    answers[1]?.resolve(3n);
    await whenIdle;
  });
});
