import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { createConnectQueryKey } from "@connectrpc/connect-query";
import { QueryCache, QueryClient } from "@tanstack/react-query";
import { isFinal, isUnauthenticated } from "./errors.ts";

const RETRIES = 3;

/** The cache of answers. Passing failures are retried; a session that ended is noticed by any call. */
export function createQueryClient(): QueryClient {
  const me = createConnectQueryKey({ schema: IdentityService.method.getMe, cardinality: "finite" });
  const client = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        const isMe = JSON.stringify(query.queryKey).includes('"GetMe"');
        if (isUnauthenticated(error) && !isMe) void client.invalidateQueries({ queryKey: me });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        retry: (failures, error) => failures < RETRIES && !isFinal(error),
        retryDelay: (failures) => 300 * 2 ** failures,
        refetchOnWindowFocus: false,
      },
    },
  });
  return client;
}
