import fc from "fast-check";
import { expect, test } from "vitest";
import { sortKeys } from "./ordering.ts";

/** A list whose order is stored as sort keys only. */
class Stored {
  keys = new Map<string, number>();

  order(): string[] {
    return [...this.keys].sort(([, a], [, b]) => a - b).map(([id]) => id);
  }

  write(order: readonly string[], touched: ReadonlySet<string>): number {
    const known = new Map([...this.keys].filter(([id]) => order.includes(id) && !touched.has(id)));
    const written = sortKeys(order, known);
    this.keys = new Map([...known, ...written]);
    return written.size;
  }
}

const edits = fc.array(fc.record({ from: fc.nat(30), to: fc.nat(30), fresh: fc.nat(3) }), { maxLength: 60 });

test("the stored order is the order wanted, after any insertions and moves", () => {
  fc.assert(
    fc.property(edits, (steps) => {
      const stored = new Stored();
      let order: string[] = [];
      let next = 0;
      for (const { from, to, fresh } of steps) {
        const run =
          fresh > 0 ? Array.from({ length: fresh }, () => `i${next++}`) : order.slice(from, from + 1);
        const rest = order.filter((id) => !run.includes(id));
        order = rest.toSpliced(Math.min(to, rest.length), 0, ...run);
        stored.write(order, new Set(run));
        expect(stored.order()).toEqual(order);
        expect(new Set(stored.keys.values()).size).toBe(order.length);
        expect([...stored.keys.values()].every(Number.isSafeInteger)).toBe(true);
      }
    }),
  );
});

test("an item that moves is the only one written", () => {
  const stored = new Stored();
  const order = Array.from({ length: 1000 }, (_, index) => `i${index}`);
  expect(stored.write(order, new Set(order))).toBe(1000);
  expect(stored.write([...order.slice(1), "i0"], new Set(["i0"]))).toBe(1);
  expect(stored.write(order, new Set(["i0"]))).toBe(1);
});

test("a list with no room left at a spot is numbered anew", () => {
  const stored = new Stored();
  let order = ["first", "last"];
  stored.write(order, new Set(order));
  const writes: number[] = [];
  for (let index = 0; index < 30; index += 1) {
    order = order.toSpliced(1, 0, `i${index}`);
    writes.push(stored.write(order, new Set([`i${index}`])));
    expect(stored.order()).toEqual(order);
  }
  expect(writes.filter((count) => count > 1)).toHaveLength(1);
});
