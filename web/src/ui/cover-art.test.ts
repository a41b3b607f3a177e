import { describe, expect, it } from "vitest";
import { coverDesign, MOTIFS } from "./cover-art.ts";

describe("made-up covers", () => {
  it("are the same for the same music, always", () => {
    expect(coverDesign("alb_1", "trk_1")).toEqual(coverDesign("alb_1", "trk_1"));
  });

  it("share an album's colours among its tracks", () => {
    expect(coverDesign("alb_1", "trk_1").palette).toBe(coverDesign("alb_1", "trk_2").palette);
  });

  it("use every motif", () => {
    const motifs = Array.from({ length: 60 }, (_, i) => coverDesign("alb_1", `trk_${i}`).motif);
    expect(new Set(motifs).size).toBe(MOTIFS);
  });
});
