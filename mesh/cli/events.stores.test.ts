import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { freshDatabase, until } from "@antiphon/mesh/testing";
import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { type NatsServer, startNats } from "@antiphon/test/src/servers.ts";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withTransaction } from "../src/database.ts";
import { type EventRig, eventRig } from "../src/events/event-rig.fixture.ts";
import { consume, type EventConsumer, event, on } from "../src/events/index.ts";

let dir: string;
let nats: NatsServer;
let database: { url: string; drop(): Promise<void> };
let rig: EventRig;
let consumer: EventConsumer;
let mended = false;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-cli-"));
  nats = await startNats({ dir });
  database = await freshDatabase();
  rig = await eventRig({ natsUrl: nats.url, databaseUrl: database.url });
  await rig.pool.query(
    "CREATE TABLE applied (n bigint GENERATED ALWAYS AS IDENTITY, key text, key_seq bigint, track text)",
  );
  rig.outbox.start();
  consumer = consume({ ...rig.deps, group: "taste", service: "recommendation", retryMs: 1, maxAttempts: 2 }, [
    on(TrackLikedSchema, async ({ trackId }, { tx, key, keySeq }) => {
      if (trackId === "poison" && !mended) throw new Error("cannot be handled");
      if (trackId === "hopeless") throw new Error("never");
      await tx.query("INSERT INTO applied (key, key_seq, track) VALUES ($1, $2, $3)", [
        key,
        String(keySeq),
        trackId,
      ]);
    }),
  ]);
  consumer.start();
});
afterAll(async () => {
  await consumer.stop();
  await rig.close();
  await nats.kill();
  await database.drop();
  await rm(dir, { recursive: true, force: true });
});

/** What the command printed and how it ended. */
async function antiphon(...words: string[]): Promise<{ out: string; err: string; code: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...words], {
    env: { ...process.env, ANTIPHON_NATS_URL: nats.url, ANTIPHON_DATABASE_URL: database.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { out: out.trim(), err: err.trim(), code };
}

const jsonLines = (out: string) => out.split("\n").map((line) => JSON.parse(line));

async function like(listenerId: string, trackId: string): Promise<void> {
  await withTransaction(rig.pool, (tx) =>
    rig.outbox.publish(tx, event(TrackLikedSchema), create(TrackLikedSchema, { listenerId, trackId })),
  );
}

async function applied(key: string): Promise<string[]> {
  const { rows } = await rig.pool.query("SELECT key_seq, track FROM applied WHERE key = $1 ORDER BY n", [
    key,
  ]);
  return rows.map((row) => `${row.key_seq} ${row.track}`);
}

async function deadLetter(key: string) {
  return until(
    async () => {
      const { out } = await antiphon("events", "dead", "list", "--consumer", "taste", "--json");
      return out ? jsonLines(out).find((letter) => letter.key === key) : undefined;
    },
    { timeoutMs: 30_000 },
  );
}

test("a dead letter is found, shown, and replayed when its cause is mended: its key goes on in order", async () => {
  for (const track of ["a", "poison", "b"]) await like("lst_sick", track);
  const { seq, reason, attempts } = await deadLetter("lst_sick");
  expect({ reason, attempts }).toEqual({ reason: "Error: cannot be handled", attempts: 2 });
  const shown = await antiphon("events", "dead", "show", String(seq));
  expect(shown.out).toContain('"trackId": "poison"');
  expect(shown.out).toContain("Error: cannot be handled\n    at ");

  mended = true;
  const replayed = await antiphon("events", "dead", "replay", String(seq));
  expect(replayed.out).toBe("taste will handle key lst_sick from event 2 on, within seconds");
  await until(async () => (await applied("lst_sick")).length === 3);
  expect(await applied("lst_sick")).toEqual(["1 a", "2 poison", "3 b"]);
  expect((await antiphon("events", "dead", "show", String(seq))).err).toMatch(/there is no dead letter \d+/);
}, 60_000);

test("a dead letter is discarded: its key goes on without that event", async () => {
  for (const track of ["hopeless", "b"]) await like("lst_hopeless", track);
  const { seq } = await deadLetter("lst_hopeless");
  const { out, code } = await antiphon("events", "dead", "discard", String(seq));
  expect([out.split("\n")[0], code]).toEqual(["taste goes on with key lst_hopeless without event 1", 0]);
  await until(async () => (await applied("lst_hopeless")).length === 1);
  expect(await applied("lst_hopeless")).toEqual(["2 b"]);
}, 60_000);

test("events of a key, of a time, or one by its id are handled again", async () => {
  for (const track of ["a", "b"]) await like("lst_again", track);
  await until(async () => (await applied("lst_again")).length === 2);
  const tail = await antiphon("events", "tail", "--since", "1h", "--key", "lst_again", "--end");
  const events = jsonLines(tail.out);
  expect(events.map(({ keySeq, message }) => `${keySeq} ${message.trackId}`)).toEqual(["1 a", "2 b"]);

  const replay = (...words: string[]) => antiphon("events", "replay", "--consumer", "taste", ...words);
  expect((await replay("--key", "lst_again")).out).toBe("2 events; with --yes, taste handles them again");
  await replay("--key", "lst_again", "--since", "1h", "--yes");
  await until(async () => (await applied("lst_again")).length === 4);
  await replay("--id", events[0].id, "--yes");
  await until(async () => (await applied("lst_again")).length === 5);
  expect(await applied("lst_again")).toEqual(["1 a", "2 b", "1 a", "2 b", "1 a"]);
  expect(await replay()).toMatchObject({
    err: "antiphon: events replay needs --since, --key or --id",
    code: 64,
  });
}, 60_000);

test("lag says how far each consumer is", async () => {
  const { out } = await antiphon("events", "lag", "--json");
  expect(jsonLines(out)).toEqual([{ consumer: "taste", pending: 0, inHand: 0, again: 0, deadLetters: 0 }]);
});

test("the audit is clean where all is well, and says what was lost, doubled or out of order", async () => {
  const effects = `SELECT 'taste' AS consumer, 'playlist.likes' AS aggregate, key, key_seq FROM applied
    WHERE key = 'lst_audited' ORDER BY n`;
  for (const track of ["a", "b", "c"]) await like("lst_audited", track);
  await until(async () => (await applied("lst_audited")).length === 3);
  const run = () => antiphon("events", "audit", "--effects", effects);
  expect(await run()).toMatchObject({
    out: expect.stringContaining("nothing lost, nothing doubled, nothing out of order"),
    code: 0,
  });
  await rig.pool.query("DELETE FROM applied WHERE key = 'lst_audited' AND key_seq = 2");
  await rig.pool.query("INSERT INTO applied (key, key_seq) VALUES ('lst_audited', 3)");
  await rig.pool.query(
    "DELETE FROM inbox WHERE event_id = (SELECT event_id FROM outbox_sent WHERE key = 'lst_audited' AND key_seq = 1)",
  );
  await rig.pool.query("DELETE FROM outbox_sent WHERE key = 'lst_audited' AND key_seq = 3");
  const { out, err, code } = await run();
  const key = "key lst_audited";
  expect(out.split("\n").slice(1).sort()).toEqual([
    `doubled: effects of taste, ${key}: event 3 is there more than once`,
    `lost: consumer taste, ${key}: event 1 was passed without being handled`,
    `lost: effects of taste, ${key}: event 2 is missing`,
    `lost: outbox of ${new URL(database.url).pathname.slice(1)}, ${key}: event 3 was written and is gone`,
  ]);
  expect([err, code]).toEqual(["antiphon: 4 findings", 1]);
}, 60_000);

test("what cannot be done is said in a sentence", async () => {
  expect(await antiphon("events", "dead", "show", "99999")).toMatchObject({
    err: "antiphon: there is no dead letter 99999; see: antiphon events dead list",
    code: 1,
  });
  expect(await antiphon("events", "tail", "--type", "no.such.v1")).toMatchObject({ code: 64 });
  expect(await antiphon("events", "dance")).toMatchObject({
    err: expect.stringContaining('antiphon: there is no command "events dance"'),
    code: 64,
  });
}, 30_000);
