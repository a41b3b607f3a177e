import { PlaybackEventKind, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { RecommendationService, ShelfKind } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { theSystem } from "../src/system.ts";

test("a song that was heard changes its listener's home page, and whoever watches it is told", async () => {
  const { tracks, register } = await theSystem();
  const { transport } = await register();
  const player = createClient(PlayerService, transport);
  const recommendations = createClient(RecommendationService, transport);
  const trackId = tracks[0]?.id ?? "";
  const seeds = async () => {
    const { shelves } = await recommendations.getHome({});
    return shelves.filter(({ kind }) => kind === ShelfKind.BECAUSE).map(({ seed }) => seed?.id);
  };
  const stop = new AbortController();
  const watched = recommendations.watchRecommendations({}, { signal: stop.signal })[Symbol.asyncIterator]();
  const before = await watched.next();
  expect(await seeds()).toEqual([]);

  const { playbackId } = await player.startPlayback({ trackId });
  await player.reportPlayback({ playbackId, kind: PlaybackEventKind.STARTED });
  await player.reportPlayback({ playbackId, kind: PlaybackEventKind.ENDED });
  const after = await watched.next();
  stop.abort();
  expect(after.value?.version).toBeGreaterThan(before.value?.version ?? 0n);
  expect(await seeds()).toEqual([trackId]);
});
