import { setTimeout as sleep } from "node:timers/promises";
import { defineConfig, runService, serve } from "@antiphon/mesh";
import type { HandlerContext } from "@connectrpc/connect";
import { echoing } from "../../../gateway/testing/reviews.ts";
import { contract } from "./contract.ts";

const PUSH_EVERY_MS = 1_000;

/** The service behind the gateway: it answers what it was sent, a search with nothing, and pushes once a second to who watches. */
Object.assign(process.env, JSON.parse(process.argv[2]!));
process.on("disconnect", () => process.exit());
async function* watchReviews(request: object, { signal }: HandlerContext) {
  while (!signal.aborted) {
    yield request;
    await sleep(PUSH_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
await runService({
  name: "reviews",
  config: defineConfig({}),
  build: () => [
    serve(contract, Object.assign(echoing(contract), { watchReviews, searchReviews: () => ({}) })),
  ],
});
