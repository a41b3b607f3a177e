import { dashboardQueries } from "@antiphon/deploy/grafana";
import { until } from "@antiphon/mesh/testing";
import { ConductorService } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { Codec, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { SearchService } from "@antiphon/proto/antiphon/search/v1/search";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { startLoad } from "../src/load.ts";
import { theSystem } from "../src/system.ts";

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

test("every query of the dashboard has an answer from the live Prometheus under load", async () => {
  const { system, tracks, operator, register } = await theSystem();
  const { transport } = await register();
  const playlists = createClient(PlaylistService, transport);
  const search = createClient(SearchService, transport);
  const recommendations = createClient(RecommendationService, transport);
  const player = createClient(PlayerService, transport);
  // Each kind, as a browser on a bad line tells it.
  const events = [1, 2, 3, 4, 5].map((kind) => ({
    kind,
    codec: Codec.OPUS,
    bitrateKbps: 64,
    durationMs: 300,
  }));
  const conductor = createClient(ConductorService, operator);
  // Hurts nobody, and is something that a policy did.
  const policy = { faults: [{ percent: 100, delay: { nanos: 1_000_000 } }] };
  await conductor.setPolicy({ service: "search", policy });
  let turn = 0;
  const load = startLoad(20, async () => {
    const trackId = tracks[turn++ % tracks.length]?.id ?? "";
    await (turn % 2 === 0 ? playlists.likeTrack({ trackId }) : playlists.unlikeTrack({ trackId }));
    await search.search({ query: "a" });
    await recommendations.getHome({});
    await player.reportQuality({ appVersion: "0.1.0", events });
  });
  const empty = async (): Promise<string[]> => {
    const without: string[] = [];
    for (const { title, expr } of dashboardQueries()) {
      const url = `${system.prometheus?.url}/api/v1/query?query=${encodeURIComponent(expr)}`;
      const answer = (await (await fetch(url)).json()) as Answer;
      if (answer.status !== "success") throw new Error(`${title}: ${answer.error}`);
      // A histogram without observations answers with NaN, which is no answer either.
      const values = answer.data?.result.map(({ value }) => Number(value[1])) ?? [];
      if (!values.some((value) => !Number.isNaN(value))) without.push(title);
    }
    return without;
  };
  let last: string[] = [];
  try {
    await until(
      async () => {
        last = await empty();
        return last.length === 0;
      },
      { what: "an answer to every query", timeoutMs: 90_000 },
    ).catch(() => {});
    expect(last, "panels without an answer").toEqual([]);
  } finally {
    await load.stop();
    await conductor.deletePolicy({ service: "search" });
  }
}, 120_000);
