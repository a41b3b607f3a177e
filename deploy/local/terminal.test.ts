import { expect, test } from "vitest";
import { renderTable } from "./table.ts";
import { renderBar, terminal } from "./terminal.ts";

function written(isTTY: boolean) {
  const output = { text: "", isTTY, columns: 60, write: (text: string) => (output.text += text) };
  return output;
}

test("on a terminal, a line goes above the bar and the bar is drawn again below it", () => {
  const output = written(true);
  const screen = terminal(output);
  screen.bar("Importing", 1, 2, "a.ogg");
  screen.line("catalog-1 ended");
  screen.endBar();
  const bar = renderBar("Importing", 1, 2, "a.ogg").slice(0, 59);
  expect(output.text).toBe(`\r\x1b[2K${bar}\r\x1b[2Kcatalog-1 ended\n\r\x1b[2K${bar}\n`);
});

test("in a file, the bar is printed once a tenth", () => {
  const output = written(false);
  const screen = terminal(output);
  for (let done = 0; done <= 1000; done++) screen.bar("Importing", done, 1000);
  screen.endBar();
  expect(output.text.trimEnd().split("\n")).toHaveLength(11);
});

test("a bar is as full as the work is done, and full where there is none", () => {
  expect(renderBar("Packaging", 3, 12, "Nebula")).toBe(
    "  Packaging  [######------------------]  3/12  Nebula",
  );
  expect(renderBar("Packaging", 0, 0)).toContain(`[${"#".repeat(24)}] 0/0`);
});

test("a table aligns what belongs to a name", () => {
  const table = renderTable([
    ["Gateway", "http://localhost:8080"],
    ["", ""],
    ["catalog", "port 1\nport 2"],
  ]);
  expect(table.split("\n")).toEqual([
    "  Gateway  http://localhost:8080",
    "",
    "  catalog  port 1",
    "           port 2",
  ]);
});
