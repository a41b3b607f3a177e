import { afterAll, beforeAll, expect, test } from "vitest";
import { fixture, type MusicFolder, musicFolder } from "../testing/music.ts";
import { coverOf, folderCover, MAX_COVER_BYTES } from "./cover.ts";

let folder: MusicFolder;
beforeAll(async () => {
  folder = await musicFolder({
    "both/cover.jpg": Buffer.from("a picture in name only, whatever it says"),
    "both/Folder.PNG": "cover.png",
    "bad/cover.jpg": Buffer.from("a picture in name only, whatever it says"),
    "none/photo.jpg": "cover.jpg",
  });
});
afterAll(() => folder.remove());

test("a cover is addressed by its content and typed by its first bytes", async () => {
  const jpeg = coverOf(await fixture("cover.jpg"));
  const png = coverOf(await fixture("cover.png"));
  expect(jpeg).toMatchObject({
    contentType: "image/jpeg",
    id: expect.stringMatching(/^cov_[0-9a-z]{20}\.jpg$/),
  });
  expect(png).toMatchObject({
    contentType: "image/png",
    id: expect.stringMatching(/^cov_[0-9a-z]{20}\.png$/),
  });
  expect(coverOf(await fixture("cover.jpg"))?.id).toBe(jpeg?.id);
  expect(coverOf(Buffer.from("RIFF0000WEBPVP8 "))?.contentType).toBe("image/webp");
});

test.each([
  ["empty", Buffer.alloc(0)],
  ["too short", Buffer.from([0xff, 0xd8, 0xff])],
  ["a script", Buffer.from("<svg onload='alert(1)' xmlns='http://www.w3.org/2000/svg'/>")],
  ["too large", Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(MAX_COVER_BYTES)])],
])("bytes that are %s are no cover", (_what, bytes) => {
  expect(coverOf(bytes)).toBeUndefined();
});

test("the first good picture with a cover's name is the folder's", async () => {
  expect(await folderCover(`${folder.path}/both`)).toMatchObject({ contentType: "image/png" });
});

test.each(["bad", "none", "absent"])("the folder %s has no cover", async (name) => {
  expect(await folderCover(`${folder.path}/${name}`)).toBeUndefined();
});
