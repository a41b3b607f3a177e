import { expect, test, vi } from "vitest";
import type { Deck } from "./deck.ts";
import { Decks } from "./decks.ts";

const deck = (change: Partial<Deck>) => ({ isLoaded: true, positionS: 7, seek: vi.fn(), ...change }) as Deck;

test("a seek moves what is loaded here", () => {
  const here = deck({});
  const decks = new Decks(here, vi.fn());
  decks.seek(30);
  expect(here.seek).toHaveBeenCalledWith(30);
  expect(decks.positionS).toBe(7);
});

test("where nothing is loaded, a track goes on where it rested or was sought to", () => {
  const here = deck({ isLoaded: false });
  const decks = new Decks(here, vi.fn());
  decks.restAt(12);
  expect(decks.positionS).toBe(12);
  decks.seek(30);
  expect(decks.positionS).toBe(30);
  expect(here.seek).not.toHaveBeenCalled();
});

test("another device is shown and commanded, until this one plays", () => {
  const here = deck({});
  const onChange = vi.fn();
  const decks = new Decks(here, onChange);
  decks.goElsewhere(40, false);
  decks.seek(50);
  expect([decks.isElsewhere, decks.positionS]).toEqual([true, 50]);
  expect(onChange).toHaveBeenCalledTimes(2);
  expect(here.seek).not.toHaveBeenCalled();
  decks.comeHere();
  expect(decks.current).toBe(here);
});
