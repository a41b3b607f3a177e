import {
  CatalogErrorDetailSchema,
  CatalogErrorReason,
  CatalogService,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, stopEdge, type TestEdge, TRACK_ID } from "../testing/edge.ts";

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => stopEdge(edge));

const transports: [string, (baseUrl: string) => Transport][] = [
  ["Connect, binary, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  [
    "Connect, JSON, HTTP/2",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
  ],
  ["gRPC-Web, binary, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  [
    "gRPC-Web, JSON, HTTP/2",
    (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
  ],
];

describe.each(transports)("over %s", (_name, open) => {
  test("a public call is answered", async () => {
    const { track } = await createClient(CatalogService, open(edge.url)).getTrack({ trackId: TRACK_ID });
    expect(track?.title).toBe("Ode");
  });

  test("a service's error keeps its code, message and details", async () => {
    const call = createClient(CatalogService, open(edge.url)).getTrack({
      trackId: "trk_0000000000000000000x",
    });
    const error = await call.catch(ConnectError.from);
    expect(error).toMatchObject({
      code: Code.NotFound,
      rawMessage: "track trk_0000000000000000000x is not in the catalog",
    });
    const [detail] = (error as ConnectError).findDetails(CatalogErrorDetailSchema);
    expect(detail?.reason).toBe(CatalogErrorReason.TRACK_NOT_FOUND);
  });

  test("a listener's call without a session is unauthenticated", async () => {
    const error = await createClient(IdentityService, open(edge.url)).getMe({}).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.Unauthenticated });
  });

  test("a stream of answers arrives whole", async () => {
    const authorization = `Bearer ${await edge.token({ id: "lst_1", operator: false })}`;
    const client = createClient(RecommendationService, open(edge.url));
    const versions: bigint[] = [];
    for await (const { version } of client.watchRecommendations({}, { headers: { authorization } }))
      versions.push(version);
    expect(versions).toEqual([1n, 2n, 3n]);
  });
});

const postJson = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${edge.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const GET_ME = "/antiphon.identity.v1.IdentityService/GetMe";
const SIGN_IN = "/antiphon.identity.v1.IdentityService/SignIn";
const credentials = { email: "ann@example.org", password: "correct horse" };

describe("who may call what", () => {
  test("an internal method looks like one that does not exist", async () => {
    for (const path of [
      "/antiphon.catalog.v1.CatalogService/ExportTracks",
      "/antiphon.catalog.v1.CatalogService/Nothing",
    ]) {
      const answer = await postJson(path, {});
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: "unimplemented" });
    }
  });

  test("an operator's method refuses a listener", async () => {
    const authorization = `Bearer ${await edge.token({ id: "lst_1", operator: false })}`;
    const answer = await postJson(
      "/antiphon.catalog.v1.CatalogService/RemoveTrack",
      { trackId: TRACK_ID },
      { authorization },
    );
    expect(answer.status).toBe(403);
  });

  test("a listener cannot be made up by a header", async () => {
    const answer = await postJson(
      GET_ME,
      {},
      { "antiphon-listener": "lst_forged", "antiphon-role": "operator" },
    );
    expect(answer.status).toBe(401);
    await postJson(
      "/antiphon.catalog.v1.CatalogService/GetTrack",
      { trackId: TRACK_ID },
      { "antiphon-listener": "lst_forged" },
    );
    expect(edge.seen[0]?.has("antiphon-listener")).toBe(false);
  });

  test("only allowed headers reach a service", async () => {
    await postJson(
      "/antiphon.catalog.v1.CatalogService/GetTrack",
      { trackId: TRACK_ID },
      { "x-request-id": "r1", "grpc-previous-rpc-attempts": "7", "x-forwarded-for": "1.2.3.4", te: "gzip" },
    );
    const names = [...(edge.seen[0]?.keys() ?? [])];
    expect(names).toContain("x-request-id");
    expect(names).not.toContain("grpc-previous-rpc-attempts");
    expect(names).not.toContain("x-forwarded-for");
  });

  test.each([
    ["no JWT", "Bearer nonsense"],
    ["another scheme", "Basic YW5uOnB3"],
    ["alg none", `Bearer ${btoa('{"alg":"none"}')}.${btoa('{"sub":"lst_1"}')}.`],
    ["a token of 10,000 characters", `Bearer ${"a".repeat(10_000)}`],
  ])("a bearer token that is %s is unauthenticated", async (_what, authorization) => {
    expect((await postJson(GET_ME, {}, { authorization })).status).toBe(401);
  });

  test("an expired bearer token says so", async () => {
    const authorization = `Bearer ${await edge.token({ id: "lst_1", operator: false }, -10)}`;
    expect(await (await postJson(GET_ME, {}, { authorization })).json()).toMatchObject({
      message: "the access token has expired",
    });
  });
});

describe("a browser's session", () => {
  test("signing in keeps the tokens in HttpOnly cookies and out of the answer", async () => {
    const answer = await postJson(SIGN_IN, credentials, { origin: edge.url, "antiphon-session": "token" });
    const body = await answer.json();
    expect(body).toEqual({ listener: { id: "lst_signed_in" } });
    const cookies = answer.headers.getSetCookie();
    expect(cookies).toHaveLength(2);
    for (const cookie of cookies) expect(cookie).toMatch(/; HttpOnly; SameSite=Lax$/);
    const cookie = cookies.map((value) => value.split(";")[0]).join("; ");
    expect((await postJson(GET_ME, {}, { cookie })).status).toBe(200);
  });

  test("a program that asks for its tokens gets them", async () => {
    const body = await (await postJson(SIGN_IN, credentials, { "antiphon-session": "token" })).json();
    expect(body).toMatchObject({ session: { refreshToken: "next-refresh-token" } });
  });

  test("an expired access token is refreshed on the way, once for calls that race", async () => {
    const expired = await edge.token({ id: "lst_1", operator: false }, -10);
    const cookie = `antiphon_access=${expired}; antiphon_refresh=good-refresh-token`;
    const before = edge.asked.refresh;
    const answers = await Promise.all(Array.from({ length: 5 }, () => postJson(GET_ME, {}, { cookie })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(edge.asked.refresh - before).toBe(1);
    expect(answers[0]?.headers.getSetCookie()).toHaveLength(2);
  });

  test("a session that ended is forgotten, and the call is unauthenticated", async () => {
    const answer = await postJson(GET_ME, {}, { cookie: "antiphon_refresh=stolen" });
    expect(answer.status).toBe(401);
    expect(answer.headers.getSetCookie()[0]).toContain("Max-Age=0");
  });

  test("another site's page cannot call, with or without cookies", async () => {
    const cookie = `antiphon_access=${await edge.token({ id: "lst_1", operator: false })}`;
    const headers: Record<string, string>[] = [
      { origin: "http://evil.example" },
      { "sec-fetch-site": "cross-site" },
      { origin: "null" },
    ];
    for (const header of headers) {
      expect((await postJson(GET_ME, {}, { cookie, ...header })).status).toBe(403);
    }
  });

  test("another site's page cannot load a GET in the listener's name", async () => {
    const cookie = `antiphon_access=${await edge.token({ id: "lst_1", operator: false })}`;
    const url = `${edge.url}${GET_ME}?connect=v1&encoding=json&message=%7B%7D`;
    expect((await fetch(url, { headers: { cookie } })).status).toBe(200);
    expect((await fetch(url, { headers: { cookie, "sec-fetch-site": "cross-site" } })).status).toBe(401);
  });
});
