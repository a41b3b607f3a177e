import { expect, test } from "vitest";
import { waveformShape } from "./waveform.ts";

test("a waveform is mirrored at the middle, as high as the box where it is loudest", () => {
  expect(waveformShape(Uint8Array.of(50, 100, 0))).toBe(
    "polygon(0% 25%, 50% 0%, 100% 48%, 100% 52%, 50% 100%, 0% 75%)",
  );
});

test("silence is a thin line", () => {
  expect(waveformShape(Uint8Array.of(0, 0))).toBe("polygon(0% 48%, 100% 48%, 100% 52%, 0% 52%)");
});

test("what was not measured has none", () => {
  expect(waveformShape(undefined)).toBeUndefined();
  expect(waveformShape(new Uint8Array())).toBeUndefined();
});
