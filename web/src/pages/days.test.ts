import { expect, it } from "vitest";
import { daysOf } from "./days.ts";

const NOW = new Date(2026, 10, 24, 9, 30);
const at = (...date: [number, number, number, number]) => new Date(...date);

it("parts what happened by day, the latest named as people do", () => {
  const dates = [
    at(2026, 10, 24, 9),
    at(2026, 10, 24, 0),
    at(2026, 10, 23, 23),
    at(2026, 10, 1, 12),
    at(2025, 11, 31, 12),
  ];
  const days = daysOf(dates, (date) => date, NOW);
  expect(days.map(({ name, values }) => `${name}: ${values.length}`)).toEqual([
    "Today: 2",
    "Yesterday: 1",
    "Sunday 1 November: 1",
    "Wednesday 31 December 2025: 1",
  ]);
});

it("is empty where nothing happened", () => {
  expect(daysOf([], () => NOW, NOW)).toEqual([]);
});
