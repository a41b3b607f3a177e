import type { ServiceDeps } from "@antiphon/mesh";
import type { CountBus } from "./shared-counts.ts";

const SUBJECT = "gateway.counts";

/**
 * Core NATS, without JetStream: a count that comes late is worth nothing. While NATS is away nothing is sent,
 * and nothing is kept to be sent later.
 */
export function natsBus(connecting: ReturnType<ServiceDeps["nats"]>): CountBus {
  let send: ((text: string) => void) | undefined;
  let listener: ((text: string) => void) | undefined;
  const follow = async () => {
    const nats = await connecting;
    const online = (text: string) => nats.publish(SUBJECT, text);
    send = online;
    nats.subscribe(SUBJECT, { callback: (error, message) => void (error ?? listener?.(message.string())) });
    for await (const { type } of nats.status()) {
      if (type === "disconnect") send = undefined;
      else if (type === "reconnect") send = online;
    }
    send = undefined;
  };
  // It rejects only where the gateway stops before NATS was there.
  follow().catch(() => {});
  return {
    send: (text) => send?.(text),
    onMessage(onText) {
      listener = onText;
    },
  };
}
