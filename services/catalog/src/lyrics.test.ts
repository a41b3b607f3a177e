import { expect, test } from "vitest";
import { readLyrics } from "./lyrics.ts";

test("LRC is read in the order of its times, each time of a line by itself", () => {
  const lrc = `\uFEFF[ti:First Light]
[00:12.50]Up
[01:02]Later
[00:07.5][00:20.123] <00:07.60>Again  <00:08.00>and again
[00:30.00]`;
  expect(readLyrics(lrc)).toEqual({
    synced: true,
    lines: [
      { startMs: 7_500, text: "Again and again" },
      { startMs: 12_500, text: "Up" },
      { startMs: 20_123, text: "Again and again" },
      { startMs: 30_000, text: "" },
      { startMs: 62_000, text: "Later" },
    ],
  });
});

test("an offset moves all lines, none before the start", () => {
  const { lines } = readLyrics("[offset:+500]\n[00:00.20]a\n[00:01.00]b")!;
  expect(lines.map(({ startMs }) => startMs)).toEqual([0, 500]);
});

test("plain text is lines without times, verses apart", () => {
  expect(readLyrics("\n[Chorus]\r\nOne\r\n\r\nTwo\n\n")).toEqual({
    synced: false,
    lines: ["[Chorus]", "One", "", "Two"].map((text) => ({ startMs: 0, text })),
  });
});

test.each(["", "   \n\n", "[ar:Nobody]\n[00:01.00]", "\0\0"])("%j has no words", (text) => {
  expect(readLyrics(text)).toBeUndefined();
});

test("what is too long is cut", () => {
  const { lines } = readLyrics("x".repeat(10_000).concat("\nline".repeat(5_000)))!;
  expect(lines).toHaveLength(2_000);
  expect(lines[0]?.text).toHaveLength(500);
});
