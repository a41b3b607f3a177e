import { QueryCache, QueryClient } from "@tanstack/react-query";
import { isFinal, isUnauthenticated } from "./errors.ts";
import { isMe, meKey } from "./me-key.ts";

const RETRIES = 3;

/** The cache of answers. Passing failures are retried; a session that ended is noticed by any call. */
export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (isUnauthenticated(error) && !isMe(query.queryKey)) {
          void client.invalidateQueries({ queryKey: meKey });
        }
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
