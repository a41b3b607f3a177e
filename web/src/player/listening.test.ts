import { describe, expect, it } from "vitest";
import { Listening } from "./listening.ts";

/** Hears `fromS` to `toS`, a quarter of a second at a time. */
function hear(listening: Listening, fromS: number, toS: number) {
  const events = [];
  for (let positionS = fromS; positionS <= toS; positionS += 0.25)
    events.push(...listening.tick(positionS, true));
  return events;
}

describe("listening", () => {
  it("qualifies once, when 30 s were heard", () => {
    const listening = new Listening(200);
    expect(hear(listening, 0, 29.75)).toEqual([]);
    expect(hear(listening, 30, 60)).toEqual(["QUALIFIED"]);
  });

  it("does not count what was skipped over", () => {
    const listening = new Listening(200);
    hear(listening, 0, 10);
    expect(hear(listening, 100, 119)).toEqual([]);
    expect(hear(listening, 119.25, 121)).toEqual(["QUALIFIED"]);
  });

  it("does not count while nothing sounds", () => {
    const listening = new Listening(200);
    for (let i = 0; i < 200; i++) expect(listening.tick(i / 4, false)).toEqual([]);
  });

  it("qualifies a short track that was heard whole", () => {
    const listening = new Listening(12);
    expect([...hear(listening, 0, 11.75), ...listening.end()]).toEqual(["QUALIFIED", "ENDED"]);
  });

  it("ends without qualifying when most was skipped over", () => {
    const listening = new Listening(200);
    hear(listening, 190, 199.75);
    expect(listening.end()).toEqual(["ENDED"]);
  });

  it("is a skip when the listener leaves before it counts, and none after", () => {
    const skipped = new Listening(200);
    hear(skipped, 0, 20);
    expect(skipped.leave()).toEqual(["SKIPPED"]);
    const heard = new Listening(200);
    hear(heard, 0, 40);
    expect(heard.leave()).toEqual([]);
  });

  it("is over only once", () => {
    const listening = new Listening(10);
    listening.end();
    expect([...listening.end(), ...listening.leave()]).toEqual([]);
  });
});
