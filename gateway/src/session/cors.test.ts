import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ALLOWED_ORIGIN, startEdge, stopEdge, type TestEdge, TRACK_ID } from "../../testing/edge.ts";
import { loadConfig } from "../config.ts";

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => stopEdge(edge));

const PATH = "/antiphon.catalog.v1.CatalogService/GetTrack";
const call = (headers: Record<string, string>, method = "POST") =>
  fetch(`${edge.url}${PATH}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(method === "POST" ? { body: JSON.stringify({ trackId: TRACK_ID }) } : {}),
  });
const preflight = (origin: string) =>
  call(
    {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "connect-protocol-version,content-type",
    },
    "OPTIONS",
  );

describe("a page of an origin that is allowed", () => {
  test("is told by a preflight what it may send", async () => {
    const { status, headers } = await preflight(ALLOWED_ORIGIN);
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-origin")).toBe(ALLOWED_ORIGIN);
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("access-control-allow-headers")).toMatch(/Connect-Protocol-Version.*X-Grpc-Web/i);
    expect(headers.get("vary")).toContain("origin");
  });

  test("calls with its cookies, and sees what clients read", async () => {
    const answer = await call({ origin: ALLOWED_ORIGIN, "sec-fetch-site": "same-site" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(ALLOWED_ORIGIN);
    expect(answer.headers.get("access-control-expose-headers")).toMatch(/grpc-status.*Retry-After/i);
  });
});

describe.each([
  ["another", "https://evil.example"],
  ["one that begins alike", `${ALLOWED_ORIGIN}.evil.example`],
  ["one that ends alike", "https://evil-app.music.example"],
  ["another scheme", ALLOWED_ORIGIN.replace("https", "http")],
  ["a sandboxed one", "null"],
])("a page of an origin that is not allowed: %s", (_what, origin) => {
  test("gets no preflight and no call through", async () => {
    const asked = await preflight(origin);
    expect(asked.status).toBe(405);
    const answer = await call({ origin });
    expect(answer.status).toBe(403);
    for (const { headers } of [asked, answer]) {
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("vary")).toContain("origin");
    }
  });
});

test.each([
  "*",
  "null",
  "app.music.example",
  "https://a.example/",
  "https://a.example, https://b.example",
  "ftp://a",
])("%j is refused as a list of origins", (value) => {
  const env = { ANTIPHON_MEDIA_KEY: "x".repeat(32), ANTIPHON_ALLOWED_ORIGINS: value };
  expect(() => loadConfig(env)).toThrow("ANTIPHON_ALLOWED_ORIGINS: must be origins");
});
