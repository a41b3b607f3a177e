import { type CallError, defineConfig, newId, openPool } from "@antiphon/mesh";
import { backing, freshDatabase, startMesh, type TestMesh } from "@antiphon/mesh/testing";
import {
  CatalogErrorDetailSchema,
  type CatalogErrorReason,
  CatalogService,
  type ImportSummary,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { type Client, type Code, ConnectError } from "@connectrpc/connect";
import type { Pool } from "pg";
import { build } from "../src/build.ts";

const OPERATOR = { id: "lst_00000000000000000000", operator: true };

/** Replicas of the catalog on a database of their own, with real NATS. */
export interface TestCatalog {
  readonly mesh: TestMesh;
  readonly pool: Pool;
  /** Called as an operator. */
  readonly catalog: Client<typeof CatalogService>;
  readonly media: Client<typeof MediaService>;
  importAll(folder: string): Promise<ImportSummary>;
  stop(): Promise<void>;
}

export async function startCatalog(replicas = 1): Promise<TestCatalog> {
  const database = await freshDatabase();
  const { mesh: config } = defineConfig({})({ ANTIPHON_NATS_URL: backing().natsUrl });
  const name = `catalog-${newId("t").slice(2)}`;
  const mesh = await startMesh({
    listener: OPERATOR,
    config: { natsUrl: config.natsUrl, logLevel: "silent" },
  });
  await mesh.add({
    name: "catalog",
    replicas,
    // The broker is shared with other tests: a name of its own is a consumer group of its own.
    build: (deps) => build({ ...deps, name }, { databaseUrl: database.url, mesh: config }),
  });
  const pool = openPool(database.url, { max: 2 });
  const catalog = mesh.client(CatalogService);
  return {
    mesh,
    pool,
    catalog,
    media: mesh.client(MediaService, { target: "consul:///catalog" }),
    async importAll(folder) {
      const progress = await Array.fromAsync(catalog.importFolder({ folder }));
      return progress.at(-1)!.summary!;
    },
    async stop() {
      await mesh.stop();
      await pool.end();
      await database.drop();
    },
  };
}

/** How a call ends: its code, and the domain's reason where there is one. */
export async function refusal(
  call: Promise<unknown> | AsyncIterable<unknown>,
): Promise<{ code: Code; reason?: CatalogErrorReason; message: string }> {
  const error = await Promise.resolve("then" in call ? call : Array.fromAsync(call)).then(
    () => new Error("the call was not refused"),
    (reason: CallError) => reason,
  );
  if (!(error instanceof ConnectError)) throw error;
  const [detail] = error.findDetails(CatalogErrorDetailSchema);
  return { code: error.code, ...(detail ? { reason: detail.reason } : {}), message: error.message };
}
