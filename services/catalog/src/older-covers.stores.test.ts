import { migrate, openPool } from "@antiphon/mesh";
import { freshDatabase } from "@antiphon/mesh/testing";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { picture } from "../testing/music.ts";
import { type Cover, coverOf } from "./cover.ts";
import { coverStore } from "./cover-store.ts";
import { sizeOlderCovers } from "./older-covers.ts";

let database: Awaited<ReturnType<typeof freshDatabase>>;
let pool: ReturnType<typeof openPool>;
const log = pino({ level: "silent" });

beforeEach(async () => {
  database = await freshDatabase();
  pool = openPool(database.url);
  await migrate(pool, new URL("../migrations/", import.meta.url));
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

async function storeAsBefore({ id, contentType, bytes }: Cover): Promise<void> {
  await pool.query("INSERT INTO cover (id, content_type, bytes) VALUES ($1, $2, $3)", [
    id,
    contentType,
    bytes,
  ]);
}

const sizesOf = async (cover: Cover) => {
  const ids = [64, 300, 640].map((side) => cover.id.replace(/\.\w+$/, `_${side}.webp`));
  const stored = await Promise.all(ids.map((id) => coverStore(pool).stat(id)));
  return ids.map((id, i) => stored[i]?.id === id);
};

test("covers that were stored before there were sizes get them, whichever replica makes them", async () => {
  const covers = await Promise.all([400, 800, 900].map(async (side) => coverOf(await picture(side, side))!));
  const broken = coverOf(Buffer.from("\x89PNG\r\n\x1a\n and no picture", "latin1"))!;
  for (const cover of [broken, ...covers]) await storeAsBefore(cover);
  const { signal } = new AbortController();
  await Promise.all([sizeOlderCovers({ pool, log, signal }), sizeOlderCovers({ pool, log, signal })]);
  expect(await Promise.all([broken, ...covers].map(sizesOf))).toEqual([
    [false, false, false],
    [true, true, false],
    [true, true, true],
    [true, true, true],
  ]);
  // Each was looked at once, also what can't be decoded.
  expect((await pool.query("SELECT FROM cover WHERE NOT sized")).rowCount).toBe(0);
});

test("a database that is away costs the sizes, not the catalog", async () => {
  const lost = openPool("postgres://nobody@127.0.0.1:1/none");
  await sizeOlderCovers({ pool: lost, log, signal: new AbortController().signal });
  await lost.end();
});
