import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { NatsServer } from "@antiphon/test/src/servers.ts";
import { connect } from "@nats-io/transport-node";
import type pg from "pg";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../database.ts";
import { type Audit, audit } from "../audit/audit.ts";
import { eventMigrations } from "../migrations.ts";

export interface ChaosOptions {
  readonly nats: NatsServer;
  /** An empty database. */
  readonly databaseUrl: string;
  /** How many SIGKILLs at least, over all processes and the broker; they go on while events are missing. */
  readonly kills: number;
  /** Between two of them. */
  readonly everyMs: number;
  /** As many are committed at least, spread over the kills. */
  readonly events: number;
  /** Who runs, by role; default two writers, two relays, two replicas of a consumer, one that works in batches. */
  readonly cast?: readonly string[];
  /** After the last kill, before what has not arrived counts as lost; default 30 s. */
  readonly drainMs?: number;
  readonly say?: (line: string) => void;
}

export interface ChaosReport {
  readonly written: number;
  readonly kills: Readonly<Record<string, number>>;
  /** Findings of each kind, of the outbox, the stream, the inboxes and the effects. */
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  /** From the last kill until everything was applied; undefined where it never was. */
  readonly drainedMs: number | undefined;
  readonly audit: Audit;
}

const CAST = ["writer", "writer", "relay", "relay", "single", "single", "batch"];
const EFFECTS = "SELECT consumer, 'playlist.likes' AS aggregate, key, key_seq FROM applied ORDER BY n";

/** Writes, relays and consumes in processes of their own, kills them and the broker, and counts what came of it. */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { nats, databaseUrl, cast = CAST, drainMs = 30_000, say = () => {} } = options;
  const pool = openPool(databaseUrl);
  await eventMigrations(pool);
  await pool.query(
    `CREATE TABLE written (n bigint GENERATED ALWAYS AS IDENTITY, key text);
     CREATE TABLE applied (n bigint GENERATED ALWAYS AS IDENTITY, consumer text, key text, key_seq bigint);
     CREATE TABLE relay_cursor AS SELECT 0::bigint AS seq`,
  );
  const writers = cast.filter((role) => role === "writer").length;
  const perSecond = (options.events / ((options.kills * options.everyMs) / 1_000) / writers) * 1.5;
  const env = { NATS_URL: nats.url, DATABASE_URL: databaseUrl, PER_SECOND: String(perSecond) };
  const actors = cast.map((role, i) => new Actor(role, `${role}-${i}`, env));
  try {
    await Promise.all(actors.map((actor) => actor.start()));
    const { kills, lastKillAt } = await killAround(options, pool, actors, say);
    const stopped = actors.filter(({ role }) => role === "writer");
    await Promise.all(stopped.map((actor) => actor.kill()));
    const consumers = new Set(cast.filter((role) => !/writer|relay/.test(role)));
    const done = async () =>
      (await count(pool, "applied")) >= consumers.size * (await count(pool, "written"));
    const drained = await until(done, { timeoutMs: drainMs }).catch(() => false);
    const drainedMs = drained ? Math.round(performance.now() - lastKillAt) : undefined;
    return await report(options, pool, consumers, kills, drainedMs);
  } finally {
    await Promise.all(actors.map((actor) => actor.kill()));
    await pool.end();
  }
}

async function killAround(
  { nats, kills, everyMs, events }: ChaosOptions,
  pool: pg.Pool,
  actors: readonly Actor[],
  say: (line: string) => void,
) {
  const done: Record<string, number> = {};
  for (let i = 0; i < kills || (await count(pool, "written")) < events; i++) {
    const nextAt = performance.now() + everyMs;
    await until(() => performance.now() >= nextAt, { timeoutMs: everyMs + 1_000 });
    // The broker every sixth time; else each process in its turn, a relay only where it leads.
    const actor = i % 6 === 5 ? undefined : actors[i % actors.length]!;
    const victim = actor?.role === "relay" ? await leader(pool, actors, actor) : actor;
    const name = victim?.role ?? "broker";
    done[name] = (done[name] ?? 0) + 1;
    if (victim) {
      await victim.started;
      await victim.kill();
      // The others are killed while it starts.
      victim.started = victim.start();
      victim.started.catch(() => {});
    } else {
      await nats.kill();
      await nats.restart();
    }
    if (i % 10 === 9) say(`${i + 1} kills, ${await count(pool, "written")} events written`);
  }
  const lastKillAt = performance.now();
  await Promise.all(actors.map(({ started }) => started));
  return { kills: done, lastKillAt };
}

/** The relay that holds the lock; where none does at this moment, the one whose turn it is. */
async function leader(pool: pg.Pool, actors: readonly Actor[], otherwise: Actor): Promise<Actor> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND application_name LIKE 'relay-%'`,
  );
  return actors.find(({ name }) => name === rows[0]?.name) ?? otherwise;
}

async function count(pool: pg.Pool, table: "written" | "applied"): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0]?.n ?? 0;
}

async function report(
  { nats, databaseUrl }: ChaosOptions,
  pool: pg.Pool,
  consumers: ReadonlySet<string>,
  kills: Record<string, number>,
  drainedMs: number | undefined,
): Promise<ChaosReport> {
  const nc = await connect({ servers: nats.url });
  const result = await audit({ nc, databases: [databaseUrl], effects: EFFECTS });
  await nc.close();
  // The writers' own table is the truth: an event that no consumer applied is lost, whoever lost it.
  const { rows } = await pool.query<{ missing: number }>(
    `SELECT count(*)::int AS missing FROM unnest($1::text[]) AS consumer
     CROSS JOIN (SELECT key, row_number() OVER (PARTITION BY key) AS key_seq FROM written) w
     WHERE NOT EXISTS (SELECT FROM applied a
       WHERE (a.consumer, a.key, a.key_seq) = (consumer, w.key, w.key_seq))`,
    [Array.from(consumers)],
  );
  const found = (what: string) => result.findings.filter((finding) => finding.what === what).length;
  return {
    written: await count(pool, "written"),
    kills,
    lost: found("lost") + (rows[0]?.missing ?? 0),
    doubled: found("doubled"),
    outOfOrder: found("out of order"),
    drainedMs,
    audit: result,
  };
}

/** A process that can be killed and started again. */
class Actor {
  readonly role: string;
  readonly name: string;
  /** Settles when its last start did. */
  started: Promise<void> = Promise.resolve();
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  constructor(
    role: string,
    name: string,
    env: { readonly DATABASE_URL: string; readonly [key: string]: string },
  ) {
    this.role = role;
    this.name = name;
    const database = new URL(env.DATABASE_URL);
    database.searchParams.set("application_name", name);
    this.#env = { ...env, DATABASE_URL: database.href };
  }

  /** Resolves when it works. */
  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), [this.role], {
      env: { ...process.env, ...this.#env },
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    const failed = once(child, "exit").then(([code, signal]) => {
      throw new Error(`${this.name} ended with ${signal ?? code} before it was ready`);
    });
    failed.catch(() => {});
    await Promise.race([once(child, "message"), failed]);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
