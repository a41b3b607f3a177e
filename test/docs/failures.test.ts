import { expect, test } from "vitest";
import { filesOf, readPage, readText, sectionOf, tableRows } from "./markdown.ts";

const page = readPage("docs/events.md");
const failures = [
  "When something dies",
  "When something is wrong with an event",
  "When something is wrong around it",
]
  .flatMap((heading) => tableRows(sectionOf(page, heading)).slice(1))
  .map(([what = "", , proof = ""]) => [what, proof] as const);

test("each failure of events has a row of its own", () => {
  expect(failures.length).toBeGreaterThan(30);
});

test.each(failures)("%s: the test that proves it is there", (_, proof) => {
  const [, place = "", name = ""] = /^`([^`]+)`: (.+)$/.exec(proof) ?? [];
  if (place === "make chaos") return;
  const [path = `a file ${place}`, ...others] = filesOf(`mesh/**/${place}`);
  expect(others).toEqual([]);
  expect(readText(path)).toContain(`"${name}`);
});
