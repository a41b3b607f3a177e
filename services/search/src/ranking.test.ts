import { expect, test } from "vitest";
import { type SearchText, scoreOf } from "./ranking.ts";

const text = (title: string, artist = "", album = ""): SearchText => ({ title, artist, album });

test("closeness goes before the field, and title before artist before album", () => {
  const bestFirst = [
    text("bach"),
    text("aria", "bach"),
    text("aria", "gould", "bach"),
    text("bachata"),
    text("salsa", "bachata"),
    text("salsa", "orquesta", "bachata"),
    text("back"),
    text("song", "back"),
    text("song", "band", "back"),
    text("backyard"),
    text("song", "backyard"),
    text("song", "band", "backyard"),
  ];
  const scores = bestFirst.map((entry) => scoreOf(["bach"], entry));
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  expect(new Set(scores).size).toBe(scores.length);
});

test("of equal matches the title that begins with the query comes first, then the shorter one", () => {
  const typed = ["moon", "river"];
  const whole = scoreOf(typed, text("moon river"));
  const begins = scoreOf(typed, text("moon river waltz"));
  const within = scoreOf(typed, text("over moon river"));
  const swapped = scoreOf(typed, text("river moon"));
  expect(whole).toBeGreaterThan(begins);
  expect(begins).toBeGreaterThan(within);
  expect(swapped).toBeGreaterThan(within);
});

test("each word may match another field", () => {
  expect(scoreOf(["moonlight", "beet"], text("moonlight sonata", "beethoven"))).toBeGreaterThan(
    scoreOf(["moonlight", "beet"], text("moonlight sonata", "gould")),
  );
});
