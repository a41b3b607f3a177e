import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

/**
 * Calls to the gateway that served the page. The session travels in HttpOnly cookies, which the gateway
 * sets and renews: the page never sees a token.
 */
export function createTransport(baseUrl: string): Transport {
  return createConnectTransport({
    baseUrl,
    useBinaryFormat: true,
    fetch: (input, init) => fetch(input, { ...init, credentials: "include" }),
  });
}
