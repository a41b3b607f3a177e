import type { NatsConnection } from "@nats-io/transport-node";

/**
 * Calls back whenever a connection is made anew, and when it is closed: the broker may have forgotten what it owed.
 * Ends when it is disposed of.
 */
export function onReconnect(nc: NatsConnection, called: () => void): Disposable {
  const status = nc.status();
  const watch = async () => {
    for await (const { type } of status) if (type === "reconnect" || type === "close") called();
  };
  watch().catch(called);
  return {
    [Symbol.dispose]() {
      if ("stop" in status && typeof status.stop === "function") status.stop();
    },
  };
}
