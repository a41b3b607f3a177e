import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ensureDatabase, startConsul, startNats, startPostgres } from "./backing.ts";

let dir: string;
const servers: { kill(): Promise<void> }[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-backing-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((each) => each.kill()));
  await rm(dir, { recursive: true });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("PostgreSQL that was killed comes back at its address with what was committed", async () => {
  const postgres = await startPostgres({ dir });
  servers.push(postgres);
  const url = await ensureDatabase(postgres.url, "catalog");
  await query(url, "CREATE TABLE track AS SELECT 1 AS id");
  await postgres.kill();
  await expect(query(url, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
  await postgres.restart();
  expect(await ensureDatabase(postgres.url, "catalog")).toBe(url);
  expect(await query(url, "SELECT id FROM track")).toEqual([{ id: 1 }]);
});

test("PostgreSQL's data is used again by the next run, with the same password", async () => {
  const first = await startPostgres({ dir });
  servers.push(first);
  await query(first.url, "CREATE TABLE kept AS SELECT 1 AS id");
  await first.stop();
  const second = await startPostgres({ dir });
  servers.push(second);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
  expect(await query(second.url, "SELECT id FROM kept")).toEqual([{ id: 1 }]);
});

test.runIf(process.getuid?.() === 0)(
  "where root cannot have a namespace, a folder that nobody may enter is said with what to do",
  async () => {
    await writeFile(join(dir, "unshare"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    vi.stubEnv("PATH", `${dir}:${process.env.PATH}`);
    const refused = await startPostgres({ dir: join(dir, "postgres") }).catch(({ message }) => message);
    expect(refused).toMatch(/Permission denied; as root it runs as nobody, .* run as an ordinary user$/);
  },
);

test("NATS that was killed comes back at its address with JetStream", async () => {
  const nats = await startNats({ dir });
  servers.push(nats);
  const jetstream = async () => (await (await fetch(`${nats.monitorUrl}/jsz`)).json()) as { config: object };
  const { config } = await jetstream();
  expect(config).toMatchObject({ sync_always: true });
  await nats.kill();
  await expect(jetstream()).rejects.toThrow();
  await nats.restart();
  expect((await jetstream()).config).toEqual(config);
});

test("Consul that was killed comes back at its address, ready for registrations", async () => {
  const consul = await startConsul({ dir });
  servers.push(consul);
  await consul.kill();
  await consul.restart();
  const body = JSON.stringify({ ID: "a", Name: "a", Port: 1 });
  const response = await fetch(`${consul.url}/v1/agent/service/register`, { method: "PUT", body });
  expect(response.status).toBe(200);
});
