import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import sirv from "sirv";
import type { NodeRequest, NodeResponse } from "./front.ts";

/** Only what the page itself needs: its own files, calls to its own origin, and audio it assembles. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "media-src blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * Serves the built page: hashed assets for a year, everything else revalidated, and the page itself
 * for any path without a file, since the page routes by itself.
 * Throws where the folder holds no page.
 */
export function webApp(folder: string): (request: NodeRequest, response: NodeResponse) => void {
  if (!existsSync(join(folder, "index.html"))) {
    throw new Error(
      `ANTIPHON_WEB_DIR: ${folder} has no index.html; build the page with 'npm run build -w web'`,
    );
  }
  const serve = sirv(folder, {
    single: true,
    etag: true,
    // Looks at the folder for each request: a file that was there at the start and is gone since, after
    // a new build for instance, is a 404 and not a request that never ends.
    dev: true,
    setHeaders(response, pathname) {
      const immutable = pathname.startsWith("/assets/");
      response.setHeader("cache-control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
      response.setHeader("content-security-policy", CONTENT_SECURITY_POLICY);
      response.setHeader("cross-origin-opener-policy", "same-origin");
      response.setHeader("permissions-policy", "camera=(), geolocation=(), microphone=()");
    },
  });
  return (request, response) => {
    // sirv uses nothing but what HTTP/1.1 and the compatibility API of HTTP/2 share.
    serve(request as IncomingMessage, response as ServerResponse, () => {
      response.statusCode = 404;
      response.end("not found\n");
    });
  };
}
