import type { NodeRequest, NodeResponse } from "./front.ts";

/** Tries again by itself after so long. */
const AGAIN_S = 5;

/** Whether somebody looks at the answer: a browser that navigates, not a script or a player. */
export function isNavigation({ method, headers }: NodeRequest): boolean {
  return method === "GET" && /\btext\/html\b/.test(headers.accept ?? "");
}

/** Ends the answer with a page that says that something is away, in place of what was asked for. */
export function breakerPage(response: NodeResponse): void {
  response.statusCode = 503;
  for (const name of ["etag", "content-length", "content-range", "content-encoding"])
    response.removeHeader(name);
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  response.setHeader("cache-control", "no-store");
  response.setHeader("retry-after", "1");
  response.setHeader("refresh", AGAIN_S);
  response.end(PAGE);
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Antiphon: one moment</title>
<h1>One moment, please</h1>
<p>What you asked for is out of reach just now. This page tries again by itself.
<p><a href="/">To the start page</a>
</html>
`;
