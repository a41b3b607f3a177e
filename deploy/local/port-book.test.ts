import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PortBook } from "./port-book.ts";
import { freePort, isPortFree, PortBlock } from "./ports.ts";

let dir: string;
let path: string;
const books: PortBook[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-ports-"));
  path = join(dir, "data", "ports.json");
});
afterEach(async () => {
  for (const book of books.splice(0)) book.close();
  await rm(dir, { recursive: true });
});

async function open(): Promise<PortBook> {
  const book = await PortBook.open(path);
  books.push(book);
  return book;
}

test("a name has the same port in the next run, and no other name has it", async () => {
  const book = await open();
  const ports = await Promise.all([book.portFor("a"), book.portFor("b"), book.portFor("a")]);
  expect(ports[0]).toBe(ports[2]);
  expect(ports[0]).not.toBe(ports[1]);
  book.close();
  const next = await open();
  expect(await next.portFor("new")).not.toBeOneOf(ports);
  expect(await Promise.all([next.portFor("a"), next.portFor("b"), next.portFor("a")])).toEqual(ports);
});

test("a port that something else took meanwhile is replaced by another", async () => {
  const book = await open();
  const port = await book.portFor("a");
  book.close();
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  expect(await (await open()).portFor("a")).not.toBe(port);
  server.close();
});

test("two systems never choose from the same ports, even if they remember the same", async () => {
  const ports = [await (await open()).portFor("a"), await (await open()).portFor("a")];
  expect(ports[0]).not.toBe(ports[1]);
});

test("a damaged file counts as empty", async () => {
  const book = await open();
  await book.portFor("a");
  book.close();
  await writeFile(path, "{");
  expect(await (await open()).portFor("a")).toBeGreaterThan(0);
});

test("a block that is used up is followed by another", async () => {
  const ports = new Set<number>();
  for (let taken = 0; taken < 150; taken++) ports.add(await freePort());
  expect(ports.size).toBe(150);
});

test("a released block can be claimed again", async () => {
  const block = await PortBlock.claim();
  expect(await isPortFree(block.base)).toBe(false);
  block.release();
  const again = await PortBlock.claim(block.base);
  expect(again.base).toBe(block.base);
  again.release();
});
