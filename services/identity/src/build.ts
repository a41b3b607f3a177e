import { databaseReady, migrate, openPool, type Served, type ServiceDeps, serve } from "@antiphon/mesh";
import { eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { accessTokens } from "./access-tokens.ts";
import type { IdentityConfig } from "./config.ts";
import { seedOperator } from "./operator.ts";
import { openPasswords } from "./passwords.ts";
import { identityService } from "./service.ts";

const MIGRATIONS = new URL("../migrations/", import.meta.url);

/** Wires identity: its store, its events, the operator's account, and what it serves. */
export async function build(deps: ServiceDeps, config: IdentityConfig): Promise<readonly Served[]> {
  const { log, signal, clock } = deps;
  const pool = openPool(config.databaseUrl, { log });
  deps.onStop("database", () => pool.end());
  deps.readiness("database", databaseReady(pool));
  await migrate(pool, MIGRATIONS, { signal });
  await eventMigrations(pool, { signal });

  const outbox = openOutbox({ ...deps, pool, service: deps.name });
  outbox.start();
  deps.onStop("events", () => outbox.stop());

  const passwords = await openPasswords();
  const { operatorEmail: email, operatorPassword: password } = config;
  if (email && password) await seedOperator({ pool, passwords, outbox, clock }, { email, password });

  const tokens = accessTokens(pool, clock);
  return [serve(IdentityService, identityService({ pool, passwords, accessTokens: tokens, outbox, clock }))];
}
