import { setTimeout as sleep } from "node:timers/promises";
import type { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";

/** The service that tests and benchmarks call: it answers what it was sent, late or not at all where the request says so. */
export function echoService(instanceId = ""): ServiceImpl<typeof EchoService> {
  return {
    async echo({ text, numbers, delayMs, failCode }, context) {
      await act(delayMs, failCode, context);
      return { text, numbers, instanceId };
    },
    async echoOnce({ text, delayMs, failCode }, context) {
      await act(delayMs, failCode, context);
      return { text, instanceId };
    },
    async *echoStream({ count, messageBytes, intervalMs, failAfter, failCode }, context) {
      const payload = new Uint8Array(messageBytes);
      for (let index = 0; index < count; index++) {
        if (failCode !== 0 && index === failAfter) await act(0, failCode, context);
        if (index > 0) await act(intervalMs, 0, context);
        yield { index, payload };
      }
    },
    async echoCollect(requests) {
      const texts: string[] = [];
      for await (const { text } of requests) texts.push(text);
      return { texts };
    },
    async *echoBoth(requests) {
      for await (const { text } of requests) yield { text };
    },
  };
}

async function act(delayMs: number, failCode: number, { signal }: HandlerContext): Promise<void> {
  if (delayMs > 0) await sleep(delayMs, undefined, { signal });
  if (failCode !== 0) throw new ConnectError("failed as asked", failCode);
}
