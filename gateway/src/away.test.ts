import { startMesh, type TestMesh, until } from "@antiphon/mesh/testing";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openGateway, reviewPath, reviews } from "../testing/reviews.ts";

let mesh: TestMesh;
let url: string;
beforeEach(async () => {
  mesh = await startMesh();
  const gateway = await openGateway(mesh.deps("gateway"));
  url = gateway.url;
  onTestFinished(async () => {
    await gateway.close();
    await mesh.stop();
  });
  await mesh.add({ name: "reviews", served: reviews("Rate") });
  await until(async () => (await post("application/json", "{}")).status === 200);
});

function post(type: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  return fetch(`${url}${reviewPath("GetReview")}`, {
    method: "POST",
    headers: { "content-type": type },
    body,
  });
}

const navigate = () =>
  fetch(`${url}${reviewPath("GetReview")}?connect=v1&encoding=json&message=%7B%7D`, {
    headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" },
  });

const NAME = "antiphon.reviews.v1.ReviewService is away, come back later";

describe("a service that is gone", () => {
  beforeEach(() => mesh.kill("reviews", 0));

  test.each([
    ["JSON", "application/json", "{}"],
    ["binary", "application/proto", ""],
  ])("is told at once, by name and with when to come back, in %s", async (_what, type, body) => {
    // Its deadline would be 5 s.
    const startedAtMs = performance.now();
    const answer = await post(type, body);
    expect(performance.now() - startedAtMs).toBeLessThan(4000);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ code: "unavailable", message: NAME });
    expect(text).not.toContain("127.0.0.1");
  });

  test("is told in gRPC-Web's trailers, too", async () => {
    const answer = await post("application/grpc-web+proto", new Uint8Array(5));
    const text = await answer.text();
    expect(text).toContain("grpc-status: 14");
    expect(text).toContain("retry-after: 1");
  });

  test("is a page to who navigates there, and found again when it is back", async () => {
    const answer = await navigate();
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-type")).toContain("text/html");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await answer.text()).toContain("tries again by itself");
    await mesh.add({ name: "reviews", served: reviews("Rate") });
    await until(async () => (await navigate()).status === 200);
  });
});
