import pg from "pg";
import { inject } from "vitest";
import { newId } from "../src/ids.ts";

/** The real servers of a test run. */
export interface Backing {
  readonly consulUrl: string;
  readonly natsUrl: string;
  /** Of a user that may create databases. */
  readonly postgresUrl: string;
}

declare module "vitest" {
  interface ProvidedContext {
    backing: Backing;
  }
}

/** The servers that `test/src/backing-setup.ts` has started; for `*.stores.test.ts` only. */
export function backing(): Backing {
  return inject("backing");
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** An empty database of the test's own. */
export async function freshDatabase(): Promise<TestDatabase> {
  const { postgresUrl } = backing();
  const name = newId("test");
  await administer(postgresUrl, `CREATE DATABASE ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => administer(postgresUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
