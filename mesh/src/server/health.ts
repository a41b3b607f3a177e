import { setTimeout as sleep } from "node:timers/promises";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@antiphon/proto/grpc/health/v1/health";
import { Code } from "@connectrpc/connect";
import { fail } from "../errors.ts";
import { type Served, serve } from "./served.ts";

/** How often `Watch` looks. */
const WATCH_INTERVAL_MS = 1_000;

/**
 * `grpc.health.v1`: the process (`""`) and each of its services serve while it is ready.
 * @param signal ends watches when the process drains, after they were told
 */
export function healthService(
  typeNames: readonly string[],
  ready: () => Promise<boolean>,
  signal: AbortSignal,
): Served {
  const known = new Set(["", ...typeNames]);
  const statusOf = async (service: string): Promise<Status> => {
    if (!known.has(service)) return Status.SERVICE_UNKNOWN;
    return (await ready()) ? Status.SERVING : Status.NOT_SERVING;
  };
  return serve(Health, {
    async check({ service }) {
      if (!known.has(service)) throw fail(Code.NotFound, `service ${service} is not served here`);
      return { status: await statusOf(service) };
    },
    async *watch({ service }, context) {
      const over = AbortSignal.any([signal, context.signal]);
      let told: Status | undefined;
      while (!over.aborted) {
        const status = await statusOf(service);
        if (status !== told) yield { status };
        told = status;
        await sleep(WATCH_INTERVAL_MS, undefined, { signal: over }).catch(() => {});
      }
      if (signal.aborted && told === Status.SERVING) yield { status: Status.NOT_SERVING };
    },
  });
}
