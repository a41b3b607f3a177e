import { describe, expect, test } from "vitest";
import { fixture } from "../testing/music.ts";
import { type Container, isTruncated, type RandomAccess, sniffContainer } from "./completeness.ts";

function inMemory(bytes: Buffer): RandomAccess {
  return { sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

const files: [string, Container][] = [
  ["tone.flac", "flac"],
  ["tone.ogg", "ogg"],
  ["tone.opus", "ogg"],
  ["tone.m4a", "mp4"],
];

describe.each(files)("%s", (name, container) => {
  test("is told by its first bytes", async () => {
    expect(sniffContainer(await fixture(name))).toBe(container);
  });

  test("is whole", async () => {
    expect(await isTruncated(container, inMemory(await fixture(name)))).toBe(false);
  });

  test("is whole with a foreign tag at its end", async () => {
    const tag = Buffer.alloc(128, "TAG");
    const file = Buffer.concat([await fixture(name), container === "mp4" ? Buffer.alloc(0) : tag]);
    expect(await isTruncated(container, inMemory(file))).toBe(false);
  });

  test.each([0.9, 0.7, 0.5, 0.2, 0.02, 0.004])("is cut off when %d of it is there", async (share) => {
    const file = await fixture(name);
    const cut = file.subarray(0, Math.floor(file.length * share));
    expect(await isTruncated(container, inMemory(cut))).toBe(true);
  });
});

test("an MP3 is as long as its first frame says; one that does not say counts as whole", async () => {
  const file = Buffer.from(await fixture("tone.mp3"));
  expect(sniffContainer(file)).toBe("mpeg");
  expect(await isTruncated("mpeg", inMemory(file))).toBe(false);
  expect(await isTruncated("mpeg", inMemory(file.subarray(0, 2000)))).toBe(true);
  const at = Math.max(file.indexOf("Info"), file.indexOf("Xing"));
  file.fill(0, at, at + 4);
  expect(await isTruncated("mpeg", inMemory(file.subarray(0, 2000)))).toBe(false);
});

test("a FLAC of unknown length counts as whole", async () => {
  const file = await fixture("tone.flac");
  file.fill(0, 22, 26);
  file.writeUInt8(file.readUInt8(21) & 0xf0, 21);
  expect(await isTruncated("flac", inMemory(file.subarray(0, 9000)))).toBe(false);
});

test.each(["", "hello, this is text", "\xff\xff\xff\xff", "RIFF0000WAVEfmt "])(
  "%j is no container",
  (text) => {
    expect(sniffContainer(Buffer.from(text, "latin1"))).toBeUndefined();
  },
);
