import { expect, onTestFinished, test } from "vitest";
import { until } from "../../testing/until.ts";
import { dnsDiscovery } from "./dns-discovery.ts";

function watched(answers: readonly (readonly string[] | Error)[]) {
  let asked = 0;
  const seen: string[][] = [];
  const discovery = dnsDiscovery({
    intervalMs: 5,
    async lookup() {
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return answer.map((address) => ({ address }));
    },
  });
  const watch = discovery.watch("catalog.internal:7000", (endpoints) => {
    seen.push(endpoints.map(({ host, port }) => `${host} ${port}`));
  });
  onTestFinished(() => watch.close());
  return { seen, asked: () => asked, watch, discovery };
}

test("every address of a name is an endpoint, and changes are followed", async () => {
  const { seen, asked } = watched([["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2", "10.0.0.1", "10.0.0.2"]]);
  await until(() => asked() > 4);
  expect(seen).toEqual([["10.0.0.1 7000"], ["10.0.0.1 7000", "10.0.0.2 7000"]]);
});

test("while DNS fails, or knows no address, the last good endpoints stay", async () => {
  const { seen, asked } = watched([["10.0.0.1"], new Error("SERVFAIL"), [], new Error("ENOTFOUND")]);
  await until(() => asked() > 5);
  expect(seen).toEqual([["10.0.0.1 7000"]]);
});

test("two watchers ask once; without any, nobody asks", async () => {
  const { discovery, watch, asked } = watched([["10.0.0.1"]]);
  const other = discovery.watch("catalog.internal:7000", () => {});
  expect(asked()).toBe(1);
  watch.close();
  other.close();
  const before = asked();
  await discovery.watch("another.internal:1", () => {}).close();
  await until(() => asked() > before);
  expect(asked()).toBe(before + 1);
});
