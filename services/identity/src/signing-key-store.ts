import type pg from "pg";
import type { SigningKey } from "./signing-keys.ts";

/** All keys, in the order in which they take over. */
export async function findKeys(db: Pick<pg.ClientBase, "query">): Promise<SigningKey[]> {
  const { rows } = await db.query<{ kid: string; private_jwk: SigningKey["privateJwk"]; signs_from: Date }>(
    "SELECT kid, private_jwk, signs_from FROM signing_key ORDER BY signs_from",
  );
  return rows.map((row) => ({
    kid: row.kid,
    privateJwk: row.private_jwk,
    signsFromMs: row.signs_from.getTime(),
  }));
}

/** Makes other replicas that would add or drop keys wait for the end of the transaction. */
export async function lockKeys(tx: pg.PoolClient): Promise<void> {
  await tx.query("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE");
}

export async function insertKey(tx: pg.PoolClient, key: SigningKey): Promise<void> {
  await tx.query("INSERT INTO signing_key (kid, private_jwk, signs_from) VALUES ($1, $2, $3)", [
    key.kid,
    key.privateJwk,
    new Date(key.signsFromMs),
  ]);
}

/** Drops all keys but these. */
export async function keepKeys(tx: pg.PoolClient, keys: readonly SigningKey[]): Promise<void> {
  await tx.query("DELETE FROM signing_key WHERE NOT kid = ANY ($1)", [keys.map((key) => key.kid)]);
}
