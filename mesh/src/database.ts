import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";

export interface PoolOptions {
  /** Connections at most, default 10. */
  readonly max?: number;
  /** Hears of lost connections. */
  readonly log?: Logger;
}

/**
 * A pool of PostgreSQL connections that outlives its server: a connection that is lost is dropped and
 * the next query opens another. Waits 5 s for a connection.
 */
export function openPool(url: string, { max = 10, log }: PoolOptions = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 5_000, keepAlive: true });
  const lost = (error: Error) => log?.warn({ reason: error.message }, "lost a connection to PostgreSQL");
  // Without a listener an "error" event ends the process. The pool listens to idle connections only, so a
  // server that goes away in the middle of a transaction would still do it.
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/** A readiness check: resolves when the database answers. */
export function databaseReady(pool: pg.Pool): () => Promise<void> {
  return async () => {
    await pool.query("SELECT 1");
  };
}

/** A transaction took longer than it may. */
export class TransactionTimeout extends Error {
  override readonly name = "TransactionTimeout";
}

export interface TransactionOptions {
  /** Milliseconds that `fn`, and each of its queries, may take; default no limit. */
  readonly timeoutMs?: number;
}

/**
 * Runs `fn` in one transaction: committed when it resolves, rolled back when it rejects. Rejects with
 * {@link TransactionTimeout} where `fn` takes too long; what it does after that has no effect.
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  fn: (tx: pg.PoolClient) => Promise<T>,
  { timeoutMs }: TransactionOptions = {},
): Promise<T> {
  const tx = await pool.connect();
  let broken: Error | undefined;
  try {
    // PostgreSQL ends a query that would outlive its transaction's connection, and gives its locks back.
    await tx.query(timeoutMs ? `BEGIN; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}` : "BEGIN");
    const result = await (timeoutMs ? within(fn(tx), timeoutMs) : fn(tx));
    await tx.query("COMMIT");
    return result;
  } catch (error) {
    // A rollback would queue behind the query that hangs: closing the connection does not.
    if (error instanceof TransactionTimeout) broken = error;
    else {
      await tx.query("ROLLBACK").catch((rollbackError: Error) => {
        broken = rollbackError;
      });
    }
    throw error;
  } finally {
    tx.release(broken);
  }
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new TransactionTimeout(`took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** True where a query failed because the server is away, shutting down or starting, not because of the query. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return (
    /^(08...|57P0[123]|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND)$/.test(code) ||
    /^(Connection terminated|timeout exceeded when trying to connect|.* is not queryable$)/.test(
      error.message,
    )
  );
}

/** True where a query failed because a text in it holds a NUL character, which PostgreSQL cannot keep. */
export function isUnstorableText(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "22021" || error.code === "22P05");
}

export interface MigrateOptions {
  /** Keeps the names of one folder's migrations apart from another's in the same database. Default `service`. */
  readonly scope?: string;
  /** Gives up waiting for a database that is away. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the `NNNN-name.sql` files of a folder that this database has not seen, in order, each in a
 * transaction. Replicas that start together take turns. Waits for a database that is away.
 */
export async function migrate(pool: pg.Pool, folder: URL, options: MigrateOptions = {}): Promise<void> {
  const { scope = "service", signal } = options;
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const odd = names.find((name) => !/^\d{4}-[a-z0-9-]+\.sql$/.test(name));
  if (odd) throw new Error(`migration ${odd} must be named like 0001-what-it-does.sql`);
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      return await runMigrations(pool, folder, names, scope);
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      await sleep(waitMs, undefined, { signal });
    }
  }
}

async function runMigrations(pool: pg.Pool, folder: URL, names: readonly string[], scope: string) {
  await withTransaction(pool, async (tx) => {
    // Held to the end of the transaction, so that also the table itself is made only once.
    await tx.query("SELECT pg_advisory_xact_lock(hashtext('antiphon.migrate'))");
    await tx.query(
      `CREATE TABLE IF NOT EXISTS schema_migration (
         scope text NOT NULL, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
         PRIMARY KEY (scope, name))`,
    );
    const { rows } = await tx.query<{ name: string }>("SELECT name FROM schema_migration WHERE scope = $1", [
      scope,
    ]);
    const applied = new Set(rows.map((row) => row.name));
    for (const name of names) {
      if (applied.has(name)) continue;
      await tx.query(await readFile(new URL(name, folder), "utf8"));
      await tx.query("INSERT INTO schema_migration (scope, name) VALUES ($1, $2)", [scope, name]);
    }
  });
}
