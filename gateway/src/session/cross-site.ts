import type { HeaderView } from "../header-view.ts";

/**
 * Whether a browser sent this request on behalf of another site's page: the way cross-site request
 * forgery works. Browsers say it in `Sec-Fetch-Site`; those that do not, in `Origin`.
 *
 * @param host the authority that the request was sent to
 * @param publicOrigin where browsers see the gateway, if a proxy stands before it
 */
export function isCrossSite(header: HeaderView, host: string, publicOrigin: string | undefined): boolean {
  const site = header.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = header.get("origin");
  if (origin === null) return false;
  if (origin === publicOrigin) return false;
  return URL.parse(origin)?.host !== host;
}
