import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { createClient } from "@connectrpc/connect";
import { createConnectQueryKey, useQuery, useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { backoffMs, pause } from "../player/backoff.ts";
import { isUnauthenticated } from "../rpc/errors.ts";
import { whilePreparing } from "../tracks/while-preparing.ts";

/**
 * The shelves of the listener's home page, kept live: a server stream says when the recommendations
 * changed, and the page asks for them anew. A stream that ends or breaks is opened again, with backoff.
 */
export function useLiveHome() {
  const transport = useTransport();
  const client = useQueryClient();
  const home = useQuery(
    RecommendationService.method.getHome,
    {},
    {
      refetchInterval: ({ state }) => whilePreparing(state.data?.shelves.flatMap((shelf) => shelf.tracks)),
    },
  );
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const queryKey = createConnectQueryKey({
      schema: RecommendationService.method.getHome,
      input: {},
      transport,
      cardinality: "finite",
    });
    const { watchRecommendations } = createClient(RecommendationService, transport);
    const watch = async () => {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          for await (const { version } of watchRecommendations({}, { signal })) {
            attempt = 0;
            const shown = client.getQueryData(queryKey);
            if (shown && shown.version !== version) await client.invalidateQueries({ queryKey });
          }
        } catch (error) {
          // The session may have ended: asking for the page finds out.
          if (isUnauthenticated(error)) await client.invalidateQueries({ queryKey });
        }
        await pause(backoffMs(attempt + 1), signal);
      }
    };
    watch().catch(() => undefined);
    return () => stop.abort();
  }, [client, transport]);
  return home;
}
