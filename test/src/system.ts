/**
 * The whole system, brought up once for all system tests: real Consul, NATS, PostgreSQL, Prometheus,
 * every service and the gateway with the built page, and three tracks of a free album.
 */
import { join } from "node:path";
import { buildWeb, freeAlbum, type System, shortestOf, startSystem, toolsDir } from "@antiphon/deploy/local";
import { until } from "@antiphon/mesh/testing";
import { CatalogService, type Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { inject } from "vitest";

export interface TestSystem {
  readonly system: System;
  /** Calls through the gateway, in nobody's name. */
  readonly anybody: Transport;
  /** Calls through the gateway as the operator. */
  readonly operator: Transport;
  /** What was imported. The first one can be played; the others are still packaged in the background. */
  readonly tracks: readonly Track[];
  /** A new listener, and calls through the gateway in its name. */
  register(): Promise<{ listenerId: string; transport: Transport; email: string }>;
}

const TRACKS = 3;
let starting: Promise<TestSystem> | undefined;

/** The one system of this run: all files of the project "system" share a worker. */
export function theSystem(): Promise<TestSystem> {
  starting ??= bringUp();
  return starting;
}

async function bringUp(): Promise<TestSystem> {
  const folder = inject("systemDir");
  const music = join(folder, "music");
  await shortestOf(await freeAlbum(join(toolsDir, "..")), TRACKS, music);
  const system = await startSystem({
    dataDir: join(folder, "data"),
    logDir: join(folder, "logs"),
    durable: false,
    webDir: buildWeb(join(toolsDir, "..", "web"), join(folder, "logs", "web.log")),
    onEvent: (sentence) => console.error(sentence),
  });
  const at = (headers: Record<string, string>): Transport =>
    createConnectTransport({
      baseUrl: system.gatewayUrl,
      httpVersion: "1.1",
      interceptors: [
        (next) => (request) => {
          for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
          return next(request);
        },
      ],
    });
  const tokens = at({ "antiphon-session": "token" });
  const bearer = (token: string | undefined) => at({ authorization: `Bearer ${token}` });

  const signedIn = await createClient(IdentityService, tokens).signIn(system.secrets.operator);
  const operator = bearer(signedIn.session?.accessToken);
  const catalog = createClient(CatalogService, operator);
  for await (const { summary } of catalog.importFolder({ folder: music })) {
    if (summary && summary.imported !== TRACKS)
      throw new Error(`imported ${summary.imported} tracks of ${TRACKS}`);
  }
  const tracks = await until(
    async () => {
      const found = (await catalog.listTracks({})).tracks;
      return (
        found.some(({ playable }) => playable) &&
        found.sort((a, b) => Number(b.playable) - Number(a.playable))
      );
    },
    { what: "the first track to be playable", timeoutMs: 300_000 },
  );

  let people = 0;
  return {
    system,
    anybody: at({}),
    operator,
    tracks,
    async register() {
      const email = `listener-${process.pid}-${people++}@example.org`;
      const identity = createClient(IdentityService, tokens);
      const { listener, session } = await identity.register({
        email,
        password: PASSWORD,
        displayName: "Ann",
      });
      return { listenerId: listener?.id ?? "", transport: bearer(session?.accessToken), email };
    },
  };
}

export const PASSWORD = "correct horse battery";
