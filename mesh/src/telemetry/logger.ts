import { type Logger, pino } from "pino";
import { currentScope } from "../call-scope.ts";
import { traceIdOf } from "./traceparent.ts";

export type { Logger };

export interface LoggerOptions {
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  readonly level: string;
}

/** JSON on standard output, written behind the calls' backs and flushed when the process ends. */
export function createLogger({ level, ...base }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: describeError },
      mixin: scopeFields,
    },
    pino.destination({ dest: 1, sync: false }),
  );
}

/** What each line says of the call, or the event, in whose course it is written. */
export function scopeFields(): { trace?: string } {
  const traceparent = currentScope()?.traceparent;
  return traceparent ? { trace: traceIdOf(traceparent) } : {};
}

/** Only what tells where it broke: other properties of an error may hold payloads (PostgreSQL's `detail` does). */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  return { name, message, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) };
}
