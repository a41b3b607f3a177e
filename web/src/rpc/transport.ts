import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { sessionRefresh } from "./session-refresh.ts";

/** Calls to the gateway that served the page. The session travels in HttpOnly cookies. */
export function createTransport(baseUrl: string): Transport {
  const options = {
    baseUrl,
    useBinaryFormat: true,
    fetch: (input: RequestInfo | URL, init?: RequestInit) =>
      fetch(input, { ...init, credentials: "include" }),
  };
  const plain = createConnectTransport(options);
  return createConnectTransport({ ...options, interceptors: [sessionRefresh(plain)] });
}
