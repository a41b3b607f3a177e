import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { picture } from "../testing/music.ts";
import { coverOf } from "./cover.ts";
import { smallerCovers, standIns } from "./smaller-covers.ts";

async function sizesOf(bytes: Uint8Array) {
  const smaller = await smallerCovers(coverOf(bytes)!);
  const sizes = await Promise.all(smaller.map((cover) => sharp(cover.bytes).metadata()));
  return sizes.map(({ format, width, height }) => `${format} ${width}×${height}`);
}

describe("a cover's smaller pictures", () => {
  test("are as high or as wide as a square that they fill", async () => {
    expect(await sizesOf(await picture(1600, 800))).toEqual(["webp 128×64", "webp 600×300", "webp 1280×640"]);
  });

  test("are called by the cover and their size", async () => {
    const cover = coverOf(await picture(800, 800))!;
    const ids = (await smallerCovers(cover)).map(({ id }) => id);
    expect(ids).toEqual([64, 300, 640].map((side) => cover.id.replace(".jpg", `_${side}.webp`)));
  });

  test("are never larger than the cover", async () => {
    expect(await sizesOf(await picture(300, 300))).toEqual(["webp 64×64"]);
  });

  test("stand upright where the camera did not", async () => {
    const lying = await sharp(await picture(200, 100))
      .withMetadata({ orientation: 6 })
      .toBuffer();
    expect(await sizesOf(lying)).toEqual(["webp 64×128"]);
  });

  test("are none of what can't be decoded", async () => {
    expect(await sizesOf(Buffer.from("\x89PNG\r\n\x1a\n and no picture", "latin1"))).toEqual([]);
    expect(await sizesOf((await picture(800, 800)).subarray(0, 200))).toEqual([]);
  });
});

test("a cover itself stands in for a smaller one, and nothing for anything else", () => {
  const cover = `cov_${"0".repeat(20)}`;
  expect(standIns(`${cover}_64.webp`)).toEqual([
    `${cover}_64.webp`,
    `${cover}.jpg`,
    `${cover}.png`,
    `${cover}.webp`,
  ]);
  for (const id of [`${cover}_65.webp`, `${cover}.jpg`, "x_64.webp"]) expect(standIns(id)).toEqual([id]);
});
