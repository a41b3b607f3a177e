import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONTEXT_DECAY, CONTEXT_LENGTH, learn, type Neighbour, rankNeighbours } from "./co-occurrence.ts";
import type { Positive, Recent, SignalKind } from "./signal.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 5, 1);
const heard = (trackId: string): Positive => ({ trackId, kind: "heard" });
const after = (...ids: string[]): Recent => ({ positives: ids.map(heard), skippedIds: [] });

/** The model as the store keeps it, in maps. */
class Model {
  readonly items = new Map<string, number>();
  readonly pairs = new Map<string, number>();
  readonly #recent = new Map<string, Positive[]>();

  observe(listenerId: string, trackId: string, kind: SignalKind = "heard", atMs = NOW_MS): void {
    const positives = this.#recent.get(listenerId) ?? [];
    const learnt = learn({ trackId, kind, atMs }, { positives, skippedIds: [] });
    this.items.set(trackId, (this.items.get(trackId) ?? 0) + learnt.itemWeight);
    for (const { otherId, weight } of learnt.pairs) {
      for (const key of [`${trackId} ${otherId}`, `${otherId} ${trackId}`])
        this.pairs.set(key, (this.pairs.get(key) ?? 0) + weight);
    }
    if (kind === "skipped") return;
    const others = positives.filter((positive) => positive.trackId !== trackId);
    this.#recent.set(listenerId, [{ trackId, kind }, ...others].slice(0, CONTEXT_LENGTH));
  }

  rank(...seedIds: string[]): string[] {
    const neighbours: Neighbour[] = [];
    for (const [key, pairWeight] of this.pairs) {
      const [seedId, trackId] = key.split(" ") as [string, string];
      const [seedWeight, itemWeight] = [this.items.get(seedId) ?? 0, this.items.get(trackId) ?? 0];
      if (seedIds.includes(seedId)) neighbours.push({ seedId, trackId, pairWeight, seedWeight, itemWeight });
    }
    return rankNeighbours(seedIds.map(heard), neighbours);
  }
}

describe("learning", () => {
  test("a track goes with the context, the nearer the more", () => {
    const { pairs } = learn({ trackId: "t", kind: "heard", atMs: NOW_MS }, after("a", "b", "c"));
    const [a, b, c] = pairs.map(({ weight }) => weight) as [number, number, number];
    expect(pairs.map(({ otherId }) => otherId)).toEqual(["a", "b", "c"]);
    expect(b / a).toBeCloseTo(CONTEXT_DECAY);
    expect(c / a).toBeCloseTo(CONTEXT_DECAY ** 2);
  });

  test("a track does not go with itself, and context ends after the last twenty", () => {
    const ids = Array.from({ length: 30 }, (_, n) => `t${n}`);
    const { pairs } = learn({ trackId: "t0", kind: "heard", atMs: NOW_MS }, after(...ids));
    expect(pairs).toHaveLength(CONTEXT_LENGTH);
    expect(pairs.some(({ otherId }) => otherId === "t0")).toBe(false);
  });

  test("liking says more than adding, adding more than hearing, and a skip takes away", () => {
    const weight = (kind: SignalKind) =>
      learn({ trackId: "t", kind, atMs: NOW_MS }, after("a")).pairs[0]!.weight;
    expect(weight("liked")).toBeGreaterThan(weight("added"));
    expect(weight("added")).toBeGreaterThan(weight("heard"));
    expect(weight("skipped")).toBeLessThan(0);
    expect(learn({ trackId: "t", kind: "skipped", atMs: NOW_MS }, after("a"))).toMatchObject({
      itemWeight: 0,
      popularity: 0,
    });
  });

  test("a month halves what a signal weighs in taste, a week what it weighs in popularity", () => {
    const at = (atMs: number) => learn({ trackId: "t", kind: "heard", atMs }, after());
    expect(at(NOW_MS).itemWeight / at(NOW_MS - 30 * DAY_MS).itemWeight).toBeCloseTo(2);
    expect(at(NOW_MS).popularity / at(NOW_MS - 7 * DAY_MS).popularity).toBeCloseTo(2);
  });

  test("the same events make the same model, in whatever order different listeners' events come", () => {
    const event = fc.record({
      listener: fc.constantFrom("l1", "l2", "l3"),
      track: fc.constantFrom("a", "b", "c", "d", "e"),
      kind: fc.constantFrom<SignalKind>("heard", "added", "liked", "skipped"),
      day: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const [one, again, byListener] = [new Model(), new Model(), new Model()];
        const feed = (model: Model, some: typeof events) => {
          for (const { listener, track, kind, day } of some)
            model.observe(listener, track, kind, NOW_MS + day * DAY_MS);
        };
        feed(one, events);
        feed(again, events);
        feed(
          byListener,
          events.toSorted((a, b) => a.listener.localeCompare(b.listener)),
        );
        expect([...again.pairs]).toEqual([...one.pairs]);
        for (const [key, weight] of one.pairs) expect(byListener.pairs.get(key)).toBeCloseTo(weight, 6);
      }),
    );
  });
});

describe("ranking", () => {
  test("what is heard together is recommended together", () => {
    const model = new Model();
    for (const listener of ["l1", "l2", "l3"]) for (const track of ["a", "b"]) model.observe(listener, track);
    for (const listener of ["l4", "l5", "l6"]) for (const track of ["x", "y"]) model.observe(listener, track);
    model.observe("l1", "x");
    expect(model.rank("a")).toEqual(["b", "x"]);
    expect(model.rank("y")[0]).toBe("x");
  });

  test("a track that everybody hears does not go with everything", () => {
    const model = new Model();
    for (let n = 0; n < 50; n++) model.observe(`fan${n}`, "hit");
    for (const listener of ["l1", "l2"])
      for (const track of ["hit", "rare", "niche"]) model.observe(listener, track);
    expect(model.rank("rare")[0]).toBe("niche");
  });

  test("a skip after a track sets the two apart", () => {
    const model = new Model();
    for (const track of ["a", "b"]) model.observe("l1", track);
    for (const track of ["a", "c"]) model.observe("l2", track);
    expect(model.rank("a")).toContain("b");
    for (const listener of ["l3", "l4", "l5", "l6"]) {
      model.observe(listener, "a");
      model.observe(listener, "b", "skipped");
    }
    expect(model.rank("a")).toEqual(["c"]);
  });

  test("later seeds count more than earlier ones", () => {
    const model = new Model();
    for (const track of ["a", "x"]) model.observe("l1", track);
    for (const track of ["b", "y"]) model.observe("l2", track);
    expect(model.rank("a", "b")).toEqual(["x", "y"]);
    expect(model.rank("b", "a")).toEqual(["y", "x"]);
  });

  test("nothing is known of a track nobody played", () => {
    expect(new Model().rank("a")).toEqual([]);
  });
});
