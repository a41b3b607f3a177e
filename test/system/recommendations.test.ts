import { until } from "@antiphon/mesh/testing";
import { PlaybackEventKind, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { RecommendationService, ShelfKind } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { theSystem } from "../src/system.ts";

/** How soon the player believes that 30 s were heard; it allows for clocks that differ. */
const COUNTS_AFTER_MS = 30_000;

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
  // Who leaps to the end has not heard it: the next change comes of the report that 30 s were.
  await player.reportPlayback({ playbackId, kind: PlaybackEventKind.ENDED });
  const qualified = () => player.reportPlayback({ playbackId, kind: PlaybackEventKind.QUALIFIED });
  const tooEarly = await qualified().catch(ConnectError.from);
  expect(tooEarly).toMatchObject({ code: Code.FailedPrecondition });
  const countsAt = performance.now() + COUNTS_AFTER_MS;
  await until(() => performance.now() > countsAt, { timeoutMs: 2 * COUNTS_AFTER_MS });
  expect(await seeds()).toEqual([]);
  await qualified();
  const after = await watched.next();
  stop.abort();
  expect(after.value?.version).toBeGreaterThan(before.value?.version ?? 0n);
  expect(await seeds()).toEqual([trackId]);
});
