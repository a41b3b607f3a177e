import { openPool } from "@antiphon/mesh";
import { backing, freshDatabase, ManualClock, startMesh } from "@antiphon/mesh/testing";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import type { Client } from "@connectrpc/connect";
import type pg from "pg";
import { build } from "../src/build.ts";
import { loadConfig } from "../src/config.ts";

export type Identity = Client<typeof IdentityService>;

/** Two replicas of the service on a database of their own and one clock. */
export interface IdentityBed {
  readonly pool: pg.Pool;
  readonly clock: ManualClock;
  /** Calls as this listener; without one as nobody. */
  as(listenerId?: string): Identity;
  /** Starts one more replica, with other settings. */
  addReplica(env: NodeJS.ProcessEnv): Promise<void>;
  stop(): Promise<void>;
}

export async function identityBed(env: NodeJS.ProcessEnv = {}): Promise<IdentityBed> {
  const database = await freshDatabase();
  const pool = openPool(database.url);
  const clock = new ManualClock();
  const mesh = await startMesh({ config: { natsUrl: backing().natsUrl } });
  const add = async (settings: NodeJS.ProcessEnv, replicas: number) => {
    const config = loadConfig({ ...settings, ANTIPHON_DATABASE_URL: database.url });
    await mesh.add({ name: "identity", replicas, build: (deps) => build({ ...deps, clock }, config) });
  };
  await add(env, 2);
  return {
    pool,
    clock,
    as: (id) => mesh.client(IdentityService, { listener: id === undefined ? undefined : { id } }),
    addReplica: (settings) => add(settings, 1),
    async stop() {
      await mesh.stop();
      await pool.end();
      await database.drop();
    },
  };
}
