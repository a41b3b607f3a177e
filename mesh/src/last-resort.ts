import { Counter, type Registry } from "prom-client";
import type { Logger } from "./telemetry/logger.ts";

/**
 * Keeps a process alive that forgot to handle an error: it is logged with its stack and counted in
 * `process_unhandled_errors_total`. One listener's request must not end everybody's.
 */
export function surviveUnhandledErrors(log: Logger, metrics: Registry): void {
  const unhandled = new Counter({
    name: "process_unhandled_errors_total",
    help: "Errors that no code handled; each is a mistake to be fixed.",
    labelNames: ["kind"] as const,
    registers: [metrics],
  });
  for (const kind of ["unhandledRejection", "uncaughtException"] as const) {
    unhandled.inc({ kind }, 0);
    process.on(kind, (err: unknown) => {
      unhandled.inc({ kind });
      log.error({ err, kind }, "unhandled error");
    });
  }
}
