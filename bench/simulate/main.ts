import { overloadScenarios } from "./overload.ts";
import { scaleScenarios } from "./scale.ts";
import { type Row, scenarios } from "./scenarios.ts";

/** The rows as a table in Markdown. */
function table(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!);
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(columns.map((column) => row[column]!))),
  ].join("\n");
}

const wanted = process.argv[2]?.toLowerCase() ?? "";
for (const { title, question, run } of [...scenarios, ...scaleScenarios, ...overloadScenarios]) {
  if (!title.toLowerCase().includes(wanted)) continue;
  const startedAtMs = performance.now();
  const rows = await run();
  console.log(`## ${title}\n\n${question}\n\n${table(rows)}\n`);
  console.error(`${title}: ${Math.round((performance.now() - startedAtMs) / 1_000)} s`);
}
