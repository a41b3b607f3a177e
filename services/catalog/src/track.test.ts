import { describe, expect, test } from "vitest";
import { albumId, artistId, describeTrack, sortKey, trackId } from "./track.ts";

const path = "/music/Tones/07 - Night Train.ogg";

describe("describing a file", () => {
  test("takes what the tags say", () => {
    const tags = {
      title: "Blue",
      artist: "Ada",
      album: "Tones",
      albumArtist: "Various",
      disc: 2,
      track: 9,
      year: 1999,
    };
    expect(describeTrack(path, tags, 3.0004)).toEqual({
      title: "Blue",
      artist: "Ada",
      album: "Tones",
      albumArtist: "Various",
      discNumber: 2,
      trackNumber: 9,
      year: 1999,
      durationMs: 3000,
      genres: [],
      tagged: true,
    });
  });

  test("falls back on the names of file and folder", () => {
    expect(describeTrack(path, {}, 1)).toMatchObject({
      title: "Night Train",
      trackNumber: 7,
      artist: "Unknown artist",
      album: "Tones",
      albumArtist: "Unknown artist",
      tagged: false,
    });
  });

  test.each([
    ["1999.mp3", "1999", 0],
    ["12. Rain.mp3", "Rain", 12],
    ["3_Snow.mp3", "Snow", 3],
    ["99 Balloons.mp3", "Balloons", 99],
    ["Hail.mp3", "Hail", 0],
  ])("reads %s as the title %s and the number %i", (name, title, trackNumber) => {
    expect(describeTrack(`/m/${name}`, {}, 1)).toMatchObject({ title, trackNumber });
  });

  test("makes one clean line of bounded length of hostile tags", () => {
    const { title, genres } = describeTrack(
      path,
      {
        title: `\0 a\n\tb\ud800 ${"x".repeat(1000)}`,
        genres: ["Rock", " Rock ", "", ...Array(50).keys()].map(String),
      },
      1,
    );
    expect(title).toMatch(/^a b\ufffd x+$/);
    expect(title).toHaveLength(300);
    expect(genres.slice(0, 2)).toEqual(["Rock", "0"]);
    expect(genres).toHaveLength(10);
  });

  test.each([-1, Number.NaN, 1e12, 1.5, null, undefined])("takes the number %s as not known", (track) => {
    expect(describeTrack("/m/Hail.mp3", { track, disc: track, year: track ?? undefined }, 1)).toMatchObject({
      trackNumber: 0,
      discNumber: 0,
      year: 0,
    });
  });
});

describe("identities", () => {
  test("of artists and albums do not hang on case, accents or spaces", () => {
    expect(artistId("Beyoncé ")).toBe(artistId("BEYONCE"));
    expect(albumId("Sigur  Rós", "Ágætis")).toBe(albumId("sigur ros", "ágætis"));
    expect(albumId("a b", "c")).not.toBe(albumId("a", "b c"));
  });

  test("of tracks hang on their content", () => {
    expect(trackId("00")).toMatch(/^trk_[0-9a-z]{20}$/);
    expect(trackId("00")).not.toBe(trackId("01"));
  });

  test("keep sort keys short enough for a page token", () => {
    expect(Buffer.byteLength(sortKey("한".repeat(300)))).toBeLessThanOrEqual(240);
  });
});
