import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistSchema, Visibility } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MusicIndex, type Search } from "./music-index.ts";

let index: MusicIndex;
beforeEach(() => {
  index = new MusicIndex();
});
afterEach(() => index.close());

const track = (id: string, title: string, artist: string, album = "Album") =>
  create(TrackSchema, {
    id,
    title,
    artist: { id: `art_${artist}`, name: artist },
    album: { id: `alb_${artist}_${album}`, title: album },
  });
const playlist = (id: string, name: string, ownerId: string, visibility: Visibility) =>
  create(PlaylistSchema, { id, name, ownerId, visibility });

function search(query: string, options: Partial<Search> = {}) {
  return index.search({ query, limit: 8, wants: () => true, ...options });
}
const titles = (query: string) => search(query).tracks.map(({ title }) => title);

describe("a small library", () => {
  beforeEach(() => {
    index.change((to) => {
      to.putTrack(track("t1", "New World Symphony", "Antonín Dvořák", "Symphonies"));
      to.putTrack(track("t2", "Moonlight Sonata", "Ludwig van Beethoven", "Sonatas"));
      to.putTrack(track("t3", "Moon River", "Henry Mancini", "Breakfast"));
      to.putTrack(track("t4", "Für Elise", "Ludwig van Beethoven", "Bagatelles"));
      to.putTrack(track("t5", "Moon", "Sia", "Colour"));
      to.putTrack(track("t6", "Blue", "Moon", "Debut"));
    });
  });

  test("every letter typed narrows the same search", () => {
    for (const typed of ["n", "ne", "new w", "new wor", "world sym"])
      expect(titles(typed)).toContain("New World Symphony");
    expect(titles("new x")).toEqual([]);
  });

  test("diacritics and case do not matter, on either side", () => {
    for (const typed of ["dvorak", "DVOŘÁK", "Dvořa"]) expect(titles(typed)).toEqual(["New World Symphony"]);
    expect(titles("fur elise")).toEqual(["Für Elise"]);
  });

  test("one typo is forgiven in a word of four letters or more, also while it is being typed", () => {
    for (const typed of ["dvorka", "dvorxk", "dvoark", "symphnoy", "beethovn", "simpho", "moonlihgt sonat"])
      expect(titles(typed)).not.toEqual([]);
    expect(titles("nwe")).toEqual([]);
  });

  test("exact goes before beginnings, and titles before artists", () => {
    expect(titles("moon")).toEqual(["Moon", "Moon River", "Blue", "Moonlight Sonata"]);
  });

  test("words may come from title, artist and album at once", () => {
    expect(titles("beethoven moonl")).toEqual(["Moonlight Sonata"]);
    expect(titles("breakfast mancini")).toEqual(["Moon River"]);
  });

  test("albums and artists are found too, made from their tracks", () => {
    const { albums, artists } = search("beethoven");
    expect(artists).toMatchObject([{ name: "Ludwig van Beethoven", albumCount: 2, trackCount: 2 }]);
    expect(albums.map(({ title }) => title).sort()).toEqual(["Bagatelles", "Sonatas"]);
  });

  test("a changed track takes the place of the old one, and albums and artists follow", () => {
    index.change((to) => to.putTrack(track("t4", "Bagatelle No. 25", "Beethoven", "Piano")));
    expect(titles("elise")).toEqual([]);
    expect(titles("bagatelle")).toEqual(["Bagatelle No. 25"]);
    expect(search("bagatelles").albums).toEqual([]);
    expect(search("ludwig").artists).toMatchObject([{ trackCount: 1 }]);
    expect(search("beethoven").artists.map(({ name }) => name)).toEqual([
      "Beethoven",
      "Ludwig van Beethoven",
    ]);
  });

  test("a removed track is gone, with its album and artist", () => {
    index.change((to) => to.removeTrack("t1"));
    expect(search("dvorak")).toEqual({ tracks: [], albums: [], artists: [], playlists: [] });
    expect(search("dvorka").tracks).toEqual([]);
  });

  test("only the wanted kinds are searched, and no more of each than the limit", () => {
    expect(search("beethoven", { wants: (kind) => kind === "artists" })).toMatchObject({
      tracks: [],
      albums: [],
    });
    expect(search("moon", { limit: 2 }).tracks).toHaveLength(2);
  });

  test("a change that fails half-way leaves nothing behind", () => {
    expect(() =>
      index.change((to) => {
        to.putTrack(track("t7", "Half", "Nobody"));
        to.removeTrack("t1");
        throw new Error("away");
      }),
    ).toThrow("away");
    expect(titles("half")).toEqual([]);
    expect(titles("dvorka")).toEqual(["New World Symphony"]);
  });
});

test("a private playlist is found by its owner only, and is private unless it says public", () => {
  index.change((to) => {
    to.putPlaylist(playlist("p1", "Running", "lst_a", Visibility.PUBLIC));
    to.putPlaylist(playlist("p2", "Running away", "lst_a", Visibility.PRIVATE));
    to.putPlaylist(playlist("p3", "Running late", "lst_b", Visibility.UNSPECIFIED));
  });
  const found = (listenerId?: string) => search("run", { listenerId }).playlists.map(({ id }) => id);
  expect(found()).toEqual(["p1"]);
  expect(found("lst_a")).toEqual(["p1", "p2"]);
  expect(found("lst_b")).toEqual(["p1", "p3"]);
  index.change((to) => to.putPlaylist(playlist("p1", "Running", "lst_a", Visibility.PRIVATE)));
  expect(found("lst_b")).toEqual(["p3"]);
  index.change((to) => to.removePlaylist("p2"));
  expect(found("lst_a")).toEqual(["p1"]);
});

test("others' private playlists do not crowd out what may be found", () => {
  index.change((to) => {
    for (let n = 0; n < 500; n++) to.putPlaylist(playlist(`p${n}`, "Mix", "lst_other", Visibility.PRIVATE));
    to.putPlaylist(playlist("mine", "Mix", "lst_me", Visibility.PRIVATE));
  });
  expect(search("mix", { listenerId: "lst_me" }).playlists.map(({ id }) => id)).toEqual(["mine"]);
});

test("whatever is typed, a search answers", () => {
  index.change((to) => to.putTrack(track("t1", "Near", "And Or Not")));
  const nasty = [
    '"',
    "*",
    "NEAR(",
    "a OR",
    "title:",
    "^",
    "-",
    "(",
    "'; DROP TABLE entry",
    "🎵",
    "\u0000",
    "AND",
  ];
  for (const typed of nasty) expect(() => search(typed)).not.toThrow();
  expect(titles("NEAR(")).toEqual(["Near"]);
  expect(titles("not")).toEqual(["Near"]);
  const piece = fc.constantFrom(...'"*()^:-+{}.\\\0 aé🎵', "NEAR", " AND ", " OR ", " NOT ", "title", "near");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      search(pieces.join(""));
    }),
    { numRuns: 300 },
  );
});

test("a track is found by each of its own words, whatever language it is in", () => {
  for (const title of ["Подмосковные вечера", "千本桜", "아리랑", "Ça plane pour moi", "शांति"]) {
    index.change((to) => to.putTrack(track(`t_${title}`, title, "x")));
    for (const word of title.split(" ")) expect(titles(word)).toContain(title);
  }
});
