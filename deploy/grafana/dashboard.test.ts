import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { prometheusConsole } from "./console.ts";
import { generated } from "./generated.ts";
import { dashboardQueries, sections } from "./panels.ts";

test("the files that Grafana and Prometheus read are what panels.ts says now (node deploy/grafana/generate.ts)", () => {
  for (const { path, text } of generated()) expect(readFileSync(path, "utf8")).toBe(text);
});

test("rate, faults and latency are shown by service, by edge and by route", () => {
  const titles = sections.flatMap(({ panels }) => panels.map(({ title }) => title));
  expect(titles).toEqual(
    expect.arrayContaining([
      ...["Calls by service", "Faults by service", "Latency by service"],
      ...["Calls by edge", "Faults by edge", "Latency by edge"],
      ...["Requests by route", "Server errors by route", "Latency by route"],
    ]),
  );
  expect(new Set(titles).size).toBe(titles.length);
});

test("every line of a panel is named by labels that its query keeps", () => {
  for (const { queries, title } of sections.flatMap(({ panels }) => panels)) {
    for (const { expr, by } of queries) {
      const kept = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(",") ?? [];
      expect(kept, title).toEqual(expect.arrayContaining([...by]));
    }
  }
});

test("no query is there twice, and the console holds nothing that a Go template would run", () => {
  const queries = dashboardQueries();
  expect(new Set(queries.map(({ expr }) => expr)).size).toBe(queries.length);
  expect(prometheusConsole()).not.toContain("{{");
});
