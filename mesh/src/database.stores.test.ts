import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freshDatabase, type TestDatabase, until } from "../testing/index.ts";
import { databaseReady, isDatabaseAway, migrate, openPool, withTransaction } from "./database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());

function pool() {
  const opened = openPool(database.url);
  onTestFinished(() => opened.end());
  return opened;
}

async function folderOf(files: Record<string, string>): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql);
  return pathToFileURL(`${folder}/`);
}

test("replicas that start together run each migration once, in order", async () => {
  const folder = await folderOf({
    "0002-second.sql": "INSERT INTO walk VALUES ('second')",
    "0001-first.sql": "CREATE TABLE walk (step text); INSERT INTO walk VALUES ('first')",
    "README.md": "not a migration",
  });
  const replicas = [pool(), pool(), pool(), pool()];
  await Promise.all(replicas.map((replica) => migrate(replica, folder)));
  await migrate(replicas[0]!, folder);
  const { rows } = await replicas[0]!.query("SELECT step FROM walk");
  expect(rows).toEqual([{ step: "first" }, { step: "second" }]);
});

test("a migration that fails leaves nothing of itself and can be run again when it is right", async () => {
  const broken = await folderOf({ "0001-a.sql": "CREATE TABLE half (x int); SELECT nonsense" });
  const opened = pool();
  await expect(migrate(opened, broken, { scope: "half" })).rejects.toThrow(/nonsense/);
  const right = await folderOf({ "0001-a.sql": "CREATE TABLE half (x int)" });
  await migrate(opened, right, { scope: "half" });
});

test("a migration that is not named in order is refused", async () => {
  await expect(migrate(pool(), await folderOf({ "first.sql": "" }))).rejects.toThrow(
    /first\.sql must be named/,
  );
});

test("a transaction is committed as a whole or not at all", async () => {
  const opened = pool();
  await opened.query("CREATE TABLE ledger (x int)");
  await withTransaction(opened, (tx) => tx.query("INSERT INTO ledger VALUES (1)"));
  const failed = withTransaction(opened, async (tx) => {
    await tx.query("INSERT INTO ledger VALUES (2)");
    throw new Error("changed my mind");
  });
  await expect(failed).rejects.toThrow("changed my mind");
  expect((await opened.query("SELECT x FROM ledger")).rows).toEqual([{ x: 1 }]);
});

test("a server that drops connections, also within a transaction, costs those calls only", async () => {
  const opened = pool();
  const dropOthers = () =>
    opened.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
  await Promise.all([opened.query("SELECT 1"), opened.query("SELECT 1")]);
  const cut = withTransaction(opened, async (tx) => {
    await dropOthers();
    await until(() =>
      tx.query("SELECT 1").then(
        () => false,
        () => true,
      ),
    );
    await tx.query("SELECT 1");
  });
  await expect(cut).rejects.toSatisfy(isDatabaseAway);
  await databaseReady(opened)();
});

test("a database that is away makes the readiness check fail", async () => {
  const away = openPool("postgres://127.0.0.1:1/none");
  onTestFinished(() => away.end());
  await expect(databaseReady(away)()).rejects.toSatisfy(isDatabaseAway);
});
