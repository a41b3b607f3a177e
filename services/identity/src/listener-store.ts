import type pg from "pg";
import type { Listener, Role } from "./listener.ts";

type Database = Pick<pg.ClientBase, "query">;

/** A listener with what proves that it is them. */
export interface Account {
  readonly listener: Listener;
  readonly passwordHash: string;
}

interface ListenerRow {
  id: string;
  email: string;
  display_name: string;
  role: Role;
  password_hash: string;
  created_at: Date;
}

const COLUMNS = "id, email, display_name, role, password_hash, created_at";

function accountOf(row: ListenerRow): Account {
  return {
    listener: {
      id: row.id,
      email: row.email,
      displayName: row.display_name,
      role: row.role,
      createdAtMs: row.created_at.getTime(),
    },
    passwordHash: row.password_hash,
  };
}

export async function findListener(db: Database, id: string): Promise<Listener | undefined> {
  const { rows } = await db.query<ListenerRow>(`SELECT ${COLUMNS} FROM listener WHERE id = $1`, [id]);
  return rows[0] && accountOf(rows[0]).listener;
}

/** By an address in its normal form. */
export async function findAccount(db: Database, email: string): Promise<Account | undefined> {
  const { rows } = await db.query<ListenerRow>(`SELECT ${COLUMNS} FROM listener WHERE email = $1`, [email]);
  return rows[0] && accountOf(rows[0]);
}

/** False where the address is taken. */
export async function insertListener(tx: Database, { listener, passwordHash }: Account): Promise<boolean> {
  const { rowCount } = await tx.query(
    `INSERT INTO listener (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING`,
    [
      listener.id,
      listener.email,
      listener.displayName,
      listener.role,
      passwordHash,
      new Date(listener.createdAtMs),
    ],
  );
  return rowCount === 1;
}

export async function changeCredentials(
  tx: Database,
  id: string,
  role: Role,
  passwordHash: string,
): Promise<void> {
  await tx.query("UPDATE listener SET role = $2, password_hash = $3 WHERE id = $1", [id, role, passwordHash]);
}
