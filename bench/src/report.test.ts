import { expect, test } from "vitest";
import { type Line, median, round, table } from "./report.ts";

test("the median of an even count lies between the two in the middle", () => {
  expect(median([4, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("figures say no more than was measured", () => {
  expect([round(81.0642), round(0.71234), round(5551.3)]).toEqual([81.1, 0.712, 5550]);
});

test("the table lines its columns up", () => {
  const line: Line = {
    bench: "overhead",
    metric: "cpu_us_per_call",
    unit: "us",
    n: 10,
    offered: 10,
    achieved: 10,
    ours: 50,
    against: "grpc-js",
    peer: 100,
    ratio: 0.5,
  };
  const [head, row] = table([line]).split("\n");
  for (const [title, cell] of [
    ["ours", "50 us"],
    ["against", "grpc-js"],
    ["ratio", "0.5×"],
  ] as const) {
    expect(row!.indexOf(cell)).toBe(head!.indexOf(title));
  }
});
