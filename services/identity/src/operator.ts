import { type Clock, newId, withTransaction } from "@antiphon/mesh";
import type pg from "pg";
import { type Publisher, publishRegistered } from "./events.ts";
import { type Listener, normaliseEmail } from "./listener.ts";
import { type Account, changeCredentials, findAccount, insertListener } from "./listener-store.ts";
import type { Passwords } from "./passwords.ts";
import { endAllSessions } from "./session-store.ts";

export interface OperatorDeps {
  readonly pool: pg.Pool;
  readonly passwords: Passwords;
  readonly outbox: Publisher;
  readonly clock: Clock;
}

/**
 * Makes sure that the operator's account exists, with this password and role. An account that somebody
 * else made with the address before is taken over: its password changes and its sessions end.
 */
export async function seedOperator(
  deps: OperatorDeps,
  credentials: { readonly email: string; readonly password: string },
): Promise<void> {
  const { pool, passwords, outbox, clock } = deps;
  const email = normaliseEmail(credentials.email);
  const found = await findAccount(pool, email);
  if (found && (await isSeeded(passwords, found, credentials.password))) return;
  const passwordHash = await passwords.hash(credentials.password);
  const listener: Listener = {
    id: newId("lst"),
    email,
    displayName: "Operator",
    role: "operator",
    createdAtMs: clock.now(),
  };
  await withTransaction(pool, async (tx) => {
    if (await insertListener(tx, { listener, passwordHash })) return publishRegistered(outbox, tx, listener);
    const taken = await findAccount(tx, email);
    if (!taken || (await isSeeded(passwords, taken, credentials.password))) return;
    await changeCredentials(tx, taken.listener.id, "operator", passwordHash);
    await endAllSessions(tx, taken.listener.id);
  });
}

async function isSeeded(passwords: Passwords, account: Account, password: string): Promise<boolean> {
  return account.listener.role === "operator" && passwords.matches(account.passwordHash, password);
}
