import type { HeaderView } from "../header-view.ts";

/**
 * Whether a browser sent this request on behalf of another site's page: the way cross-site request
 * forgery works. Browsers say it in `Sec-Fetch-Site`; those that do not, in `Origin`.
 *
 * @param host the authority that the request was sent to
 * @param ownOrigins where browsers see the gateway, and whose pages may call as ours do
 */
export function isCrossSite(header: HeaderView, host: string, ownOrigins: ReadonlySet<string>): boolean {
  const origin = header.get("origin");
  if (origin !== null && ownOrigins.has(origin)) return false;
  const site = header.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  return origin !== null && URL.parse(origin)?.host !== host;
}
