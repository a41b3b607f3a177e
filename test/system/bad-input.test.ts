import { connect } from "node:net";
import { PlayerService, type StartPlaybackResponseSchema } from "@antiphon/proto/antiphon/player/v1/player";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import type { MessageShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { beforeAll, describe, expect, test } from "vitest";
import { describeError } from "../src/error-text.ts";
import { PASSWORD, type TestSystem, theSystem } from "../src/system.ts";

/** What a newcomer or an attacker sends, through the real gateway to real services: each with its exact code. */
let system: TestSystem;
let token: string;
let othersPlaylistId: string;
let playback: MessageShape<typeof StartPlaybackResponseSchema>;

const post = (method: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${system.system.gatewayUrl}/antiphon.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

beforeAll(async () => {
  system = await theSystem();
  const { email } = await system.register();
  const headers = { "antiphon-session": "token" };
  const signedIn = await post("identity.v1.IdentityService/SignIn", { email, password: PASSWORD }, headers);
  token = ((await signedIn.json()) as { session: { accessToken: string } }).session.accessToken;
  const other = (await system.register()).transport;
  const created = await createClient(PlaylistService, other).createPlaylist({
    name: "Secret",
    idempotencyKey: "secret",
  });
  othersPlaylistId = created.playlist?.id ?? "";
  playback = await createClient(PlayerService, other).startPlayback({ trackId: system.tracks[0]?.id ?? "" });
});

describe("a call", () => {
  const unknownTrack = "trk_zzzzzzzzzzzzzzzzzzzz";
  test.each([
    [
      "an unknown track",
      "catalog.v1.CatalogService/GetTrack",
      { trackId: unknownTrack },
      "not_found",
      "TRACK_NOT_FOUND",
    ],
    [
      "an unknown album",
      "catalog.v1.CatalogService/GetAlbum",
      { albumId: "alb_zzzzzzzzzzzzzzzzzzzz" },
      "not_found",
      "ALBUM_NOT_FOUND",
    ],
    [
      "a malformed id",
      "catalog.v1.CatalogService/GetTrack",
      { trackId: "7" },
      "invalid_argument",
      "track_id",
    ],
    [
      "a negative page size",
      "catalog.v1.CatalogService/ListAlbums",
      { pageSize: -1 },
      "invalid_argument",
      "page_size",
    ],
    [
      "a page token of nonsense",
      "catalog.v1.CatalogService/ListAlbums",
      { pageToken: "!" },
      "invalid_argument",
      "page_token",
    ],
    [
      "an empty name",
      "playlist.v1.PlaylistService/CreatePlaylist",
      { name: "", idempotencyKey: "k" },
      "invalid_argument",
      "name",
    ],
    [
      "a name of blanks",
      "playlist.v1.PlaylistService/CreatePlaylist",
      { name: "  ", idempotencyKey: "k" },
      "invalid_argument",
      "name",
    ],
    [
      "a 10,000-character name",
      "playlist.v1.PlaylistService/CreatePlaylist",
      { name: "x".repeat(10_000), idempotencyKey: "k" },
      "invalid_argument",
      "name",
    ],
    ["a query of blanks", "search.v1.SearchService/Search", { query: "   " }, "invalid_argument", "query"],
    [
      "an unknown track to play",
      "player.v1.PlayerService/StartPlayback",
      { trackId: unknownTrack },
      "not_found",
      "TRACK_NOT_FOUND",
    ],
    [
      "another's playback",
      "player.v1.PlayerService/ReportPlayback",
      () => ({ playbackId: playback.playbackId, kind: "PLAYBACK_EVENT_KIND_ENDED" }),
      "not_found",
      "PLAYBACK_NOT_FOUND",
    ],
    [
      "another's private playlist",
      "playlist.v1.PlaylistService/GetPlaylist",
      () => ({ playlistId: othersPlaylistId }),
      "not_found",
      "PLAYLIST_NOT_FOUND",
    ],
    [
      "an operator's call, by a listener",
      "catalog.v1.CatalogService/RemoveTrack",
      { trackId: unknownTrack },
      "permission_denied",
      "operator",
    ],
    [
      "a weak password",
      "identity.v1.IdentityService/Register",
      { email: "a@example.org", password: "short", displayName: "A" },
      "invalid_argument",
      "password",
    ],
    [
      "no address",
      "identity.v1.IdentityService/Register",
      { email: "nobody", password: PASSWORD, displayName: "A" },
      "invalid_argument",
      "email",
    ],
    [
      "a wrong password",
      "identity.v1.IdentityService/SignIn",
      { email: "nobody@example.org", password: "wrong" },
      "unauthenticated",
      "WRONG_CREDENTIALS",
    ],
  ])("with %s is refused with its exact code and reason", async (_what, method, body, code, named) => {
    const answer = await post(method, typeof body === "function" ? body() : body, {
      authorization: `Bearer ${token}`,
    });
    const error = describeError(await answer.text());
    expect(error.code, error.text).toBe(code);
    expect(error.text).toContain(named);
  });

  test("with another's private playlist cannot tell it from one that does not exist", async () => {
    const headers = { authorization: `Bearer ${token}` };
    const method = "playlist.v1.PlaylistService/GetPlaylist";
    const existing = await (await post(method, { playlistId: othersPlaylistId }, headers)).text();
    const missing = await (await post(method, { playlistId: "pl_zzzzzzzzzzzzzzzzzzzz" }, headers)).text();
    const blurred = (text: string) =>
      text.replaceAll(/pl_[0-9a-z]{20}/g, "<id>").replaceAll(/"value":"[^"]*"/g, "");
    expect(blurred(existing)).toBe(blurred(missing));
  });
});

describe("a media URL", () => {
  const get = (url: string) =>
    fetch(`${system.system.gatewayUrl}${url}`, { headers: { range: "bytes=0-9" } });

  test("plays as it was signed", async () => {
    expect((await get(playback.renditions[0]?.url ?? "")).status).toBe(206);
  });

  test.each([
    ["altered", (url: string) => url.replace(/ren_./, "ren_0")],
    ["prolonged", (url: string) => url.replace(/e=\d+/, "e=99999999999")],
    ["expired", (url: string) => url.replace(/e=\d+/, "e=1")],
    ["stripped of its signature", (url: string) => url.replace(/\?.*/, "")],
  ])("that is %s is 403", async (_what, alter) => {
    expect((await get(alter(playback.renditions[0]?.url ?? ""))).status).toBe(403);
  });
});

test("a Host header of '[' does not kill the gateway", async () => {
  const { port } = new URL(system.system.gatewayUrl);
  const socket = connect(Number(port), "127.0.0.1");
  socket.end("GET / HTTP/1.1\r\nHost: [\r\n\r\n");
  let answer = "";
  for await (const chunk of socket.setEncoding("latin1")) answer += chunk;
  expect(answer).toMatch(/^HTTP\/1\.1 400/);
  expect((await fetch(system.system.gatewayUrl)).status).toBe(200);
});
