import { expect, test } from "vitest";
import { StreamCursor } from "./stream-cursor.ts";

const stream = (first_seq: number, last_seq: number, created = "monday") => ({
  created,
  state: { first_seq, last_seq },
});

function cursorAt(lastSeq: number): StreamCursor {
  const cursor = new StreamCursor();
  cursor.restart(stream(1, lastSeq));
  return cursor;
}

test("what was never loaded counts as lost", () => {
  expect(new StreamCursor().hasLost(stream(1, 10))).toBe(true);
});

test("it reads on after the last message that it passed", () => {
  const cursor = cursorAt(10);
  expect(cursor.next).toBe(11);
  cursor.passed(14);
  expect(cursor.next).toBe(15);
});

test("a stream that only grew has lost nothing", () => {
  expect(cursorAt(10).hasLost(stream(1, 500))).toBe(false);
});

test("a purge that took unread messages is a loss", () => {
  expect(cursorAt(10).hasLost(stream(13, 12))).toBe(true);
});

test("messages that expired after they were read are no loss", () => {
  const cursor = cursorAt(10);
  cursor.passed(20);
  expect(cursor.hasLost(stream(1, 20))).toBe(false);
  expect(cursor.hasLost(stream(21, 30))).toBe(false);
});

test("a message read after a purge does not hide what the purge took", () => {
  const cursor = cursorAt(10);
  cursor.passed(31);
  expect(cursor.hasLost(stream(31, 31))).toBe(true);
});

test("a stream that was made anew is a loss, however much it holds", () => {
  expect(cursorAt(10).hasLost(stream(1, 500, "tuesday"))).toBe(true);
});

test("distrust asks for a load whatever the stream holds, and ends with it", () => {
  const cursor = cursorAt(10);
  cursor.distrust();
  expect(cursor.hasLost(stream(1, 10))).toBe(true);
  cursor.restart(stream(1, 10));
  expect(cursor.hasLost(stream(1, 10))).toBe(false);
});
