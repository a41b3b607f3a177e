import { expect, test } from "vitest";
import { oneAtATime } from "./one-at-a-time.ts";

test("a piece of work begins when the one before it has ended, well or not", async () => {
  const alone = oneAtATime();
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const works = [
    alone(async () => {
      seen.push("first begins");
      await first.promise;
      seen.push("first ends");
      throw new Error("it failed");
    }),
    alone(async () => {
      seen.push("second");
      return 2;
    }),
  ];
  first.resolve();
  const [failed, second] = await Promise.allSettled(works);
  expect(seen).toEqual(["first begins", "first ends", "second"]);
  expect([failed?.status, second]).toEqual(["rejected", { status: "fulfilled", value: 2 }]);
});
