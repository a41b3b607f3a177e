import { type Logger, pino } from "pino";

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
    { level, base, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: describeError } },
    pino.destination({ dest: 1, sync: false }),
  );
}

/** Only what tells where it broke: other properties of an error may hold payloads (PostgreSQL's `detail` does). */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  return { name, message, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) };
}
