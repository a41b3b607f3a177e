import { expect, test } from "vitest";
import { coveringFilter } from "./covering-filter.ts";

test.each([
  [["evt.playlist.track_liked.v1.*"], "evt.playlist.track_liked.v1.*"],
  [["evt.playlist.track_liked.v1.*", "evt.playlist.track_liked.v2.*"], "evt.playlist.track_liked.>"],
  [["evt.playlist.track_liked.v1.*", "evt.playlist.track_unliked.v1.*"], "evt.playlist.>"],
  [["evt.playlist.track_liked.v1.*", "evt.player.audio_ready.v1.*"], "evt.>"],
])("the filter that covers %j is %s", (filters, covering) => {
  expect(coveringFilter(filters)).toBe(covering);
});
