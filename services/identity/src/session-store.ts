import { newId } from "@antiphon/mesh";
import type pg from "pg";
import { judge, type KnownToken, newRefreshToken, REFRESH_TTL_MS, sha256 } from "./sessions.ts";

export interface RefreshToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Opens a family of sessions, and forgets those of the listener that have expired. */
export async function startSession(
  tx: pg.PoolClient,
  listenerId: string,
  nowMs: number,
): Promise<RefreshToken> {
  await tx.query("DELETE FROM session_family WHERE listener_id = $1 AND expires_at <= $2", [
    listenerId,
    new Date(nowMs),
  ]);
  const familyId = newId("ses");
  await tx.query("INSERT INTO session_family (id, listener_id, expires_at) VALUES ($1, $2, $3)", [
    familyId,
    listenerId,
    new Date(nowMs + REFRESH_TTL_MS),
  ]);
  return insertToken(tx, familyId, undefined, nowMs);
}

export type Trade =
  | { readonly verdict: "trade"; readonly listenerId: string; readonly refresh: RefreshToken }
  | { readonly verdict: "expired" }
  | { readonly verdict: "reused" };

/** Trades a refresh token for its successor. A reused one ends its family, which the caller must commit. */
export async function tradeToken(tx: pg.PoolClient, token: string, nowMs: number): Promise<Trade> {
  const hash = sha256(token);
  const found = await findTokenLocked(tx, hash);
  const verdict = judge(found, nowMs);
  if (!found || verdict === "expired") return { verdict: "expired" };
  const { familyId, listenerId } = found;
  const now = new Date(nowMs);
  if (verdict === "reused") {
    await tx.query("UPDATE session_family SET reused_at = coalesce(reused_at, $2) WHERE id = $1", [
      familyId,
      now,
    ]);
    return { verdict };
  }
  await tx.query("UPDATE refresh_token SET traded_at = coalesce(traded_at, $2) WHERE sha256 = $1", [
    hash,
    now,
  ]);
  await tx.query("UPDATE session_family SET expires_at = $2 WHERE id = $1", [
    familyId,
    new Date(nowMs + REFRESH_TTL_MS),
  ]);
  await tx.query("DELETE FROM refresh_token WHERE family_id = $1 AND expires_at <= $2", [familyId, now]);
  return { verdict, listenerId, refresh: await insertToken(tx, familyId, hash, nowMs) };
}

/** Ends the family of a token; a token that is unknown has none. */
export async function endSession(db: Pick<pg.ClientBase, "query">, token: string): Promise<void> {
  await db.query(
    "DELETE FROM session_family WHERE id = (SELECT family_id FROM refresh_token WHERE sha256 = $1)",
    [sha256(token)],
  );
}

/** Signs a listener out everywhere. */
export async function endAllSessions(tx: pg.PoolClient, listenerId: string): Promise<void> {
  await tx.query("DELETE FROM session_family WHERE listener_id = $1", [listenerId]);
}

type FoundToken = KnownToken & { readonly familyId: string; readonly listenerId: string };

/**
 * Locks the family before it reads the token, in two statements: one that does both would see the token
 * as it was before the wait for the lock.
 */
async function findTokenLocked(tx: pg.PoolClient, hash: Buffer): Promise<FoundToken | undefined> {
  await tx.query(
    "SELECT FROM session_family WHERE id = (SELECT family_id FROM refresh_token WHERE sha256 = $1) FOR UPDATE",
    [hash],
  );
  const { rows } = await tx.query<{
    expires_at: Date;
    traded_at: Date | null;
    successor_traded: boolean;
    family_id: string;
    listener_id: string;
    reused: boolean;
  }>(
    `SELECT t.expires_at, t.traded_at, t.family_id, f.listener_id, f.reused_at IS NOT NULL AS reused,
       EXISTS (SELECT FROM refresh_token s WHERE s.predecessor = t.sha256 AND s.traded_at IS NOT NULL)
         AS successor_traded
     FROM refresh_token t JOIN session_family f ON f.id = t.family_id WHERE t.sha256 = $1`,
    [hash],
  );
  const row = rows[0];
  return (
    row && {
      familyId: row.family_id,
      listenerId: row.listener_id,
      expiresAtMs: row.expires_at.getTime(),
      tradedAtMs: row.traded_at?.getTime(),
      successorTraded: row.successor_traded,
      familyReused: row.reused,
    }
  );
}

async function insertToken(
  tx: pg.PoolClient,
  familyId: string,
  predecessor: Buffer | undefined,
  nowMs: number,
): Promise<RefreshToken> {
  const token = newRefreshToken();
  const expiresAtMs = nowMs + REFRESH_TTL_MS;
  await tx.query(
    "INSERT INTO refresh_token (sha256, family_id, predecessor, expires_at) VALUES ($1, $2, $3, $4)",
    [sha256(token), familyId, predecessor, new Date(expiresAtMs)],
  );
  return { token, expiresAtMs };
}
