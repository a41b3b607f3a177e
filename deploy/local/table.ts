/** Rows of a name and what it is, aligned; an empty row makes a gap. Lines of a value stay in its column. */
export function renderTable(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.flatMap(([name, value]) =>
    value.split("\n").map((line, index) => `  ${(index === 0 ? name : "").padEnd(width)}  ${line}`.trimEnd()),
  );
  return lines.join("\n");
}
