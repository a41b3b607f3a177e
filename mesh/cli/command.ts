import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import pg from "pg";

/** What was typed is wrong; the message says what is allowed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was asked for cannot be done: nothing there, or a server away. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export interface Option {
  /** The placeholder of its value, such as `SEQ`; without one it is a switch. */
  readonly value?: string;
  readonly what: string;
  readonly repeated?: boolean;
}

/** What a command may use; closed after it. */
export interface Session {
  nats(): Promise<NatsConnection>;
  /** The database of `--database`, else of `ANTIPHON_DATABASE_URL`. */
  database(): Promise<pg.Client>;
  print(line: string): void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Command {
  /** As it is typed, with its positional arguments: `events dead show SEQ`. */
  readonly usage: string;
  readonly what: string;
  readonly options: Readonly<Record<string, Option>>;
  run(session: Session, args: Arguments): Promise<void>;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** The value of an option, the last one where it was given more than once. */
  get(option: string): string | undefined;
  all(option: string): readonly string[];
  has(option: string): boolean;
}

export const servers: Readonly<Record<string, Option>> = {
  nats: { value: "URL", what: "the broker; default ANTIPHON_NATS_URL, else nats://127.0.0.1:4222" },
  database: { value: "URL", what: "the consumer's database; default ANTIPHON_DATABASE_URL" },
};

/** Throws {@link UsageError} for an option that the command does not have, and for missing or surplus words. */
export function readArguments(command: Command, words: readonly string[]): Arguments {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, { value, repeated = false }] of Object.entries({ ...servers, ...command.options })) {
    options[name] = { type: value ? "string" : "boolean", multiple: repeated };
  }
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const wanted = command.usage.split(" ").filter((word) => /^[A-Z]+$/.test(word));
  if (positionals.length !== wanted.length) {
    const takes = wanted.length === 0 ? "takes no arguments" : `takes ${wanted.join(" ")}`;
    throw new UsageError(
      `${command.usage
        .split(" ")
        .filter((word) => !wanted.includes(word))
        .join(" ")} ${takes}`,
    );
  }
  const all = (name: string): string[] => [values[name]].flat().filter((value) => typeof value === "string");
  return { positionals, all, get: (name) => all(name).at(-1), has: (name) => values[name] === true };
}

/** Opens what a command asks for, and closes it after the work. */
export async function withSession(
  args: Arguments,
  signal: AbortSignal,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  let nc: NatsConnection | undefined;
  let client: pg.Client | undefined;
  const session: Session = {
    signal,
    print: (line) => void process.stdout.write(`${line}\n`),
    async nats() {
      const url = args.get("nats") ?? process.env.ANTIPHON_NATS_URL ?? "nats://127.0.0.1:4222";
      nc ??= await connect({ servers: url, timeout: 3_000, reconnect: false }).catch((error: Error) => {
        throw new CommandError(`cannot reach NATS at ${url}: ${error.message}`);
      });
      return nc;
    },
    async database() {
      const url = args.get("database") ?? process.env.ANTIPHON_DATABASE_URL;
      if (!url)
        throw new UsageError("needs --database URL (or ANTIPHON_DATABASE_URL): the consumer's database");
      client ??= await openDatabase(url);
      return client;
    },
  };
  try {
    await work(session);
  } finally {
    await nc?.close();
    await client?.end();
  }
}

async function openDatabase(url: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
    await client.connect();
    return client;
  } catch (error) {
    // Without the URL, which holds a password.
    throw new CommandError(`cannot reach the database: ${error instanceof Error ? error.message : error}`);
  }
}

/** A whole number from 1, or {@link UsageError}. */
export function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new UsageError(`${name} must be a whole number from 1 (was "${text}")`);
}

/** A time as in `2026-11-24T08:00:00Z`, or a span back from now as in `15m`, `2h`, `3d`; else {@link UsageError}. */
export function pointInTime(name: string, text: string, nowMs = Date.now()): Date {
  const span = /^(\d{1,5})([smhd])$/.exec(text);
  if (span) {
    const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[span[2] as "s" | "m" | "h" | "d"];
    return new Date(nowMs - Number(span[1]) * unit);
  }
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? new Date(text) : undefined;
  if (time && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(
    `${name} must be a time like 2026-11-24T08:00:00Z or a span like 15m, 2h, 3d (was "${text}")`,
  );
}

/** Rows below their titles, in columns. */
export function columns(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [titles, ...rows];
  const widths = titles.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
