import { expect, test } from "vitest";
import { coverArtwork, coverSizes } from "./cover-url.ts";

test("a cover's sizes are named for the browser to choose from", () => {
  expect(coverSizes("cov_1.png")).toBe(
    "/media/catalog/cov_1_64.webp 64w, /media/catalog/cov_1_300.webp 300w, /media/catalog/cov_1_640.webp 640w",
  );
});

test("a lock screen is told how large each of them is", () => {
  expect(coverArtwork("cov_1.png")).toEqual([
    { src: "/media/catalog/cov_1_64.webp", sizes: "64x64" },
    { src: "/media/catalog/cov_1_300.webp", sizes: "300x300" },
    { src: "/media/catalog/cov_1_640.webp", sizes: "640x640" },
  ]);
});
