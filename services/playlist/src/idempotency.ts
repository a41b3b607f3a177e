import { createHash } from "node:crypto";
import { fail, type ServiceDeps, withTransaction } from "@antiphon/mesh";
import { type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type pg from "pg";
import type { Database } from "./playlist-store.ts";

const HOUR_MS = 60 * 60 * 1000;
/** How long an answer is kept for callers that ask again. */
const ANSWER_TTL_MS = 24 * HOUR_MS;

/** A call that takes effect once, however often it is sent. */
export interface KeyedCall<M extends DescMethod> {
  readonly method: M;
  readonly request: MessageShape<M["input"]> & { readonly idempotencyKey: string };
  /** Keys of one listener mean nothing to another. */
  readonly listenerId: string;
}

/** What was answered to this call before. Rejects `invalid_argument` for a key of another request. */
export async function findAnswer<M extends DescMethod>(
  db: Database,
  { method, request, listenerId }: KeyedCall<M>,
): Promise<MessageShape<M["output"]> | undefined> {
  const { rows } = await db.query<{ request_hash: Buffer; response: Buffer }>(
    "SELECT request_hash, response FROM answer WHERE listener_id = $1 AND idempotency_key = $2",
    [listenerId, request.idempotencyKey],
  );
  const row = rows[0];
  if (!row) return undefined;
  if (!row.request_hash.equals(hashOf(method, request))) {
    throw fail(Code.InvalidArgument, "idempotency_key: was used for another request; each needs its own");
  }
  return fromBinary<M["output"]>(method.output, row.response);
}

/**
 * Does the work in a transaction that keeps its answer, or answers as before. Of calls that arrive
 * together one does the work and the others wait for its answer.
 */
export function answerOnce<M extends DescMethod>(
  pool: pg.Pool,
  call: KeyedCall<M>,
  atMs: number,
  work: (tx: pg.PoolClient) => Promise<MessageShape<M["output"]>>,
): Promise<MessageShape<M["output"]>> {
  const { method, request, listenerId } = call;
  const key = [listenerId, request.idempotencyKey];
  return withTransaction(pool, async (tx) => {
    const claimed = await tx.query(
      `INSERT INTO answer (listener_id, idempotency_key, request_hash, answered_at)
       VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [...key, hashOf(method, request), new Date(atMs)],
    );
    if (claimed.rowCount === 0) {
      const answer = await findAnswer(tx, call);
      if (answer) return answer;
    }
    const answer = await work(tx);
    await tx.query("UPDATE answer SET response = $3 WHERE listener_id = $1 AND idempotency_key = $2", [
      ...key,
      toBinary<M["output"]>(method.output, answer),
    ]);
    return answer;
  });
}

/** Forgets answers that are older than ANSWER_TTL_MS, now and once an hour until the service stops. */
export function keepForgetting(pool: pg.Pool, { clock, log, onStop }: ServiceDeps): void {
  const forget = () =>
    forgetAnswers(pool, clock.now()).catch((error: Error) => {
      log.warn({ reason: error.message }, "old answers could not be forgotten; the next try is in an hour");
    });
  const timer = setInterval(forget, HOUR_MS);
  onStop("forgetting answers", () => clearInterval(timer));
  void forget();
}

export async function forgetAnswers(db: Database, nowMs: number): Promise<void> {
  await db.query("DELETE FROM answer WHERE answered_at < $1", [new Date(nowMs - ANSWER_TTL_MS)]);
}

function hashOf<M extends DescMethod>(method: M, request: MessageShape<M["input"]>): Buffer {
  return createHash("sha256")
    .update(`${method.parent.typeName}/${method.name}\n`)
    .update(toBinary<M["input"]>(method.input, request))
    .digest();
}
