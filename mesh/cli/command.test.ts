import { expect, test } from "vitest";
import { type Command, columns, pointInTime, readArguments, wholeNumber } from "./command.ts";

const command: Command = {
  usage: "events dead show SEQ",
  what: "",
  options: { key: { value: "KEY", what: "", repeated: true }, json: { what: "" } },
  run: async () => {},
};

test("options are read, the last one counts unless all are asked for", () => {
  const args = readArguments(command, ["7", "--key", "a", "--key=b", "--json"]);
  expect([args.positionals, args.get("key"), args.all("key"), args.has("json")]).toEqual([
    ["7"],
    "b",
    ["a", "b"],
    true,
  ]);
});

test.each([
  [[], "events dead show takes SEQ"],
  [["1", "2"], "events dead show takes SEQ"],
  [["1", "--colour"], "Unknown option '--colour'"],
  [["1", "--key"], "argument missing"],
])("%j is refused in a sentence", (words, why) => {
  expect(() => readArguments(command, words)).toThrow(why);
});

test("times are absolute, or spans back from now", () => {
  const now = Date.UTC(2026, 5, 1, 12);
  expect(pointInTime("--since", "15m", now).toISOString()).toBe("2026-06-01T11:45:00.000Z");
  expect(pointInTime("--since", "2d", now).toISOString()).toBe("2026-05-30T12:00:00.000Z");
  expect(pointInTime("--since", "2026-05-31T08:00:00Z", now).toISOString()).toBe("2026-05-31T08:00:00.000Z");
  expect(() => pointInTime("--since", "yesterday", now)).toThrow(/--since must be .* \(was "yesterday"\)/);
});

test("a number that is none is refused by name", () => {
  expect(wholeNumber("SEQ", "12")).toBe(12);
  expect(() => wholeNumber("SEQ", "0")).toThrow('SEQ must be a whole number from 1 (was "0")');
});

test("columns line up", () => {
  expect(columns(["a", "title"], [["long", "x"]])).toBe("a     title\nlong  x");
});
