import { expect, test } from "vitest";
import { qualifiesAfterMs } from "./playback.ts";

test.each([
  [200_000, 28_500],
  [30_000, 28_500],
  [12_000, 10_500],
  [1_000, 0],
])("a track of %i ms can have been heard for long enough after %i ms", (durationMs, afterMs) => {
  expect(qualifiesAfterMs(durationMs)).toBe(afterMs);
});
