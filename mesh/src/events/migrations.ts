import type pg from "pg";
import { type MigrateOptions, migrate } from "../database.ts";

/** Creates the outbox and inbox tables; run it after the service's own migrations, as often as you like. */
export function eventMigrations(pool: pg.Pool, options: Pick<MigrateOptions, "signal"> = {}): Promise<void> {
  return migrate(pool, new URL("./migrations/", import.meta.url), { ...options, scope: "events" });
}
