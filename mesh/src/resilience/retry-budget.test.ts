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

test("for any calls, retries of any ten seconds stay within a fifth of the calls and a hundred", () => {
  const steps = fc.array(
    fc.record({ waitMs: fc.integer({ min: 0, max: 3_000 }), calls: fc.integer({ min: 0, max: 60 }) }),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const budget = new RetryBudget();
      const calls: number[] = [];
      const retries: number[] = [];
      let nowMs = 0;
      for (const { waitMs, calls: count } of list) {
        nowMs += waitMs;
        for (let call = 0; call < count; call++) {
          budget.deposit(nowMs);
          calls.push(nowMs);
          if (budget.withdraw(nowMs)) retries.push(nowMs);
        }
        const inWindow = (at: number) => Math.floor(at / 1_000) > Math.floor(nowMs / 1_000) - 10;
        const allowed = 100 + 0.2 * calls.filter(inWindow).length;
        expect(retries.filter(inWindow).length).toBeLessThanOrEqual(allowed);
      }
    }),
    { numRuns: 100 },
  );
});
