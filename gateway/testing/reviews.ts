import { LoadGuard, type Served, type ServiceDeps, serve } from "@antiphon/mesh";
import { Access } from "@antiphon/proto/antiphon/options/v1/options";
import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { buildEdge } from "../src/build.ts";
import { loadConfig } from "../src/config.ts";
import { reviewContract } from "./review-contract.ts";

/** The path of a call of the review service. */
export const reviewPath = (method: string) => `/antiphon.reviews.v1.ReviewService/${method}`;

/** A service that no build of the gateway knows: GetReview, and one more call named by the test. */
export function reviews(another: string, access: Access = Access.PUBLIC): Served[] {
  const contract = reviewContract({
    methods: { GetReview: { access: Access.PUBLIC }, [another]: { access } },
  });
  return [serve(contract, echoing(contract))];
}

/** Each call answers what it was asked. */
export function echoing<S extends DescService>(contract: S): ServiceImpl<S> {
  const answers = contract.methods.map(({ localName }) => [localName, async (request: object) => request]);
  return Object.fromEntries(answers) as ServiceImpl<S>;
}

/** The whole gateway, wired as in production, on a mesh of the test. */
export async function openGateway(deps: ServiceDeps): Promise<{ url: string; close(): Promise<void> }> {
  const config = loadConfig({ ANTIPHON_MEDIA_KEY: "a media key for tests, long enough to be one" });
  const edge = await buildEdge({ ...deps, guard: new LoadGuard(deps) }, config);
  return { url: `http://127.0.0.1:${edge.port}`, close: () => edge.drain() };
}

/** Asks for a review in JSON; resolves with the HTTP status. */
export async function callReview(url: string, method: string): Promise<number> {
  const answer = await fetch(`${url}${reviewPath(method)}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "hello" }),
  });
  const { text } = (await answer.json()) as { text?: string };
  return answer.status === 200 && text !== "hello" ? 0 : answer.status;
}
