import { Counter, Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { LeanCounter, LeanHistogram } from "./lean-metrics.ts";

/** Two registries that have been told the same. */
function leanAndStock() {
  const lean = new Registry();
  const stock = new Registry();
  const options = { help: "help", labelNames: ["a", "b"] };
  const buckets = [0.1, 1];

  const leanCounter = new LeanCounter({ ...options, name: "calls_total", registry: lean });
  const stockCounter = new Counter({ ...options, name: "calls_total", registers: [stock] });
  const leanHistogram = new LeanHistogram({ ...options, name: "seconds", buckets, registry: lean });
  const stockHistogram = new Histogram({ ...options, name: "seconds", buckets, registers: [stock] });
  for (const labels of [
    { a: "1", b: "x" },
    { a: "2", b: "y" },
  ]) {
    leanCounter.cell(labels).value += 3;
    stockCounter.inc(labels, 3);
    const cell = leanHistogram.cell(labels);
    for (const value of [0.05, 0.1, 0.5, 7]) {
      cell.observe(value);
      stockHistogram.observe(labels, value);
    }
  }
  return { lean, stock };
}

test("lean metrics print exactly what prom-client's own do", async () => {
  const { lean, stock } = leanAndStock();
  const printed = await stock.metrics();
  expect(await lean.metrics()).toBe(printed);
  expect(await lean.metrics()).toBe(printed);
});

test("lean metrics are the same JSON as prom-client's own", async () => {
  const { lean, stock } = leanAndStock();
  const json = await stock.getMetricsAsJSON();
  expect(await lean.getMetricsAsJSON()).toEqual(json);
  // Reading must leave nothing behind.
  expect(await lean.getMetricsAsJSON()).toEqual(json);
  expect(await lean.getSingleMetric("seconds")?.get()).toEqual(await stock.getSingleMetric("seconds")?.get());
});
