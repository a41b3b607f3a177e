import { until } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistService, Visibility } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { SearchService } from "@antiphon/proto/antiphon/search/v1/search";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { theSystem } from "../src/system.ts";

/** Creates public playlists of one name, and waits until search has found every one through its events. */
async function createAndFind(
  listener: Transport,
  word: string,
  whileAway?: () => Promise<void>,
): Promise<void> {
  const playlists = createClient(PlaylistService, listener);
  const search = createClient(SearchService, listener);
  const created: string[] = [];
  for (let index = 0; index < 10; index++) {
    const { playlist } = await playlists.createPlaylist({
      name: `${word} number ${index}`,
      visibility: Visibility.PUBLIC,
      idempotencyKey: `${word}-${index}`,
    });
    created.push(playlist?.id ?? "");
  }
  await whileAway?.();
  await until(
    async () => {
      const found = (await search.search({ query: word, limit: 50 })).playlists.map(({ id }) => id);
      return created.every((id) => found.includes(id));
    },
    { what: `all ten playlists named ${word} in the search index`, timeoutMs: 30_000 },
  );
}

/** Waits until every service answers through the gateway, in a listener's name. */
async function allAnswer(listener: Transport): Promise<void> {
  await until(
    async () => {
      try {
        await createClient(CatalogService, listener).listAlbums({});
        await createClient(PlaylistService, listener).listPlaylists({});
        await createClient(SearchService, listener).search({ query: "a" });
        await createClient(RecommendationService, listener).getHome({});
        return true;
      } catch {
        return false;
      }
    },
    { what: "all services to answer again", timeoutMs: 60_000 },
  );
}

test("NATS killed: writes go on, and their events arrive when it is back", async () => {
  const { system, register } = await theSystem();
  const { transport } = await register();
  await system.nats.kill();
  await createAndFind(transport, "Nightingale", () => system.nats.restart());
  await allAnswer(transport);
});

test("PostgreSQL killed: calls fail as unavailable, and every service recovers by itself", async () => {
  const { system, register } = await theSystem();
  const { transport } = await register();
  await createAndFind(transport, "Blackbird");
  await system.postgres.kill();
  const error = await createClient(PlaylistService, transport).listPlaylists({}).catch(ConnectError.from);
  expect(error).toMatchObject({ code: Code.Unavailable });
  await system.postgres.restart();
  await allAnswer(transport);
  await createAndFind(transport, "Goldfinch");
});

test("Consul killed: nothing fails, and every service registers again when it is back", async () => {
  const { system, register } = await theSystem();
  const { transport } = await register();
  await system.consul.kill();
  await createAndFind(transport, "Kingfisher");
  await system.consul.restart();
  const running = system.instances.filter(({ name }) => name !== "").map(({ service }) => service);
  await until(
    async () => {
      const answer = await fetch(`${system.consul.url}/v1/catalog/services`);
      const registered = Object.keys((await answer.json()) as object);
      return running.every((service) => registered.includes(service));
    },
    { what: "every service in Consul again", timeoutMs: 30_000 },
  );
  await allAnswer(transport);
});
