import fc from "fast-check";
import { expect, test } from "vitest";
import { RetryBudget } from "./retry-budget.ts";

/** How many retries it grants at second one. */
function exhaust(budget: RetryBudget): number {
  let granted = 0;
  while (granted < 10_000 && budget.withdraw(1_000)) granted++;
  return granted;
}

test("a quiet client may retry ten times a second on the average", () => {
  const budget = new RetryBudget();
  expect(exhaust(budget)).toBe(100);
});

test("a busy client may retry one call in five beyond that", () => {
  const budget = new RetryBudget();
  for (let call = 0; call < 1_000; call++) budget.deposit(1_000);
  expect(exhaust(budget)).toBe(300);
});

test("while everything fails, ten seconds of calls are sent a fifth more often and no more", () => {
  const budget = new RetryBudget();
  let retries = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 5) {
    budget.deposit(nowMs);
    if (budget.withdraw(nowMs)) retries++;
  }
  expect(retries).toBe(400);
});

test("what is left is told as a share", () => {
  const budget = new RetryBudget({ perSecond: 1 });
  expect(budget.remaining(0)).toBe(1);
  for (let retry = 0; retry < 5; retry++) budget.withdraw(0);
  expect(budget.remaining(0)).toBe(0.5);
  expect(budget.remaining(20_000)).toBe(1);
});

test("for any calls, a retry is allowed exactly while those of ten seconds stay within the budget", () => {
  const steps = fc.array(
    fc.record({ waitMs: fc.integer({ min: 0, max: 3_000 }), calls: fc.integer({ min: 0, max: 60 }) }),
    { minLength: 1, maxLength: 40, size: "max" },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const budget = new RetryBudget();
      const made = { calls: [] as number[], retries: [] as number[], refusals: [] as number[] };
      let nowMs = 0;
      for (const { waitMs, calls } of list) {
        nowMs += waitMs;
        const second = Math.floor(nowMs / 1_000);
        const lately = (seconds: readonly number[]) => seconds.filter((one) => one > second - 10).length;
        for (let call = 0; call < calls; call++) {
          budget.deposit(nowMs);
          made.calls.push(second);
          const allowed = Math.max(0, 100 - lately(made.refusals)) + 0.2 * lately(made.calls);
          const isAllowed = lately(made.retries) + 1 <= allowed;
          expect(budget.withdraw(nowMs)).toBe(isAllowed);
          made[isAllowed ? "retries" : "refusals"].push(second);
        }
      }
    }),
    { numRuns: 50 },
  );
});
