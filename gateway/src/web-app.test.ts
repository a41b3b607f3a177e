import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Front, openFront } from "./front.ts";
import { webApp } from "./web-app.ts";

let folder: string;
let front: Front;
const get = (path: string) => fetch(`http://127.0.0.1:${front.port}${path}`);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "antiphon-page-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<h1>page</h1>");
  writeFileSync(join(folder, "assets", "app-1a2b.js"), "run()");
  front = await openFront(webApp(folder), { host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  front.close();
  await front.drain();
  rmSync(folder, { recursive: true, force: true });
});

test("assets are kept for ever, the page is asked for anew, and answers for any path of its own", async () => {
  expect((await get("/assets/app-1a2b.js")).headers.get("cache-control")).toContain("immutable");
  for (const path of ["/", "/album/alb_1"]) {
    const answer = await get(path);
    expect(await answer.text()).toBe("<h1>page</h1>");
    expect(answer.headers.get("cache-control")).toBe("no-cache");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'self'");
  }
});

test("a file outside of the folder cannot be reached", async () => {
  writeFileSync(join(tmpdir(), "antiphon-secret.txt"), "secret");
  for (const path of ["/..%2fantiphon-secret.txt", "/assets/..%2f..%2fantiphon-secret.txt"]) {
    expect(await (await get(path)).text()).not.toBe("secret");
  }
  rmSync(join(tmpdir(), "antiphon-secret.txt"));
});

test("a page that vanished is not found, and no request hangs on it", async () => {
  rmSync(join(folder, "index.html"));
  expect((await get("/")).status).toBe(404);
});

test("a folder without a page is refused at the start", () => {
  expect(() => webApp(join(folder, "assets"))).toThrow(/ANTIPHON_WEB_DIR: .* has no index.html/);
});
