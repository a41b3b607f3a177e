import { expect, test } from "vitest";
import { coverSizes } from "./cover-url.ts";

test("a cover's sizes are named for the browser to choose from", () => {
  expect(coverSizes("cov_1.png")).toBe(
    "/media/catalog/cov_1_64.webp 64w, /media/catalog/cov_1_300.webp 300w, /media/catalog/cov_1_640.webp 640w",
  );
});
