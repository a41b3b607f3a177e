import { ConductorService, type Instance } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { useEffect, useState } from "react";
import { backoffMs, pause } from "../player/backoff.ts";

/** The mesh as the conductor tells it, kept live. */
export interface Instances {
  /** Undefined before the first answer. The last ones stay while the stream is broken. */
  readonly instances: readonly Instance[] | undefined;
  /** Why there is no stream, if there is none. */
  readonly error: unknown;
}

/** Watches all instances. A stream that ends or breaks is opened again, with backoff. */
export function useInstances(): Instances {
  const transport = useTransport();
  const [state, setState] = useState<Instances>({ instances: undefined, error: undefined });
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const { watchInstances } = createClient(ConductorService, transport);
    const watch = async () => {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          for await (const { instances } of watchInstances({}, { signal })) {
            attempt = 0;
            setState({ instances, error: undefined });
          }
        } catch (error) {
          if (!signal.aborted) setState(({ instances }) => ({ instances, error }));
        }
        await pause(backoffMs(attempt + 1), signal);
      }
    };
    watch().catch(() => undefined);
    return () => stop.abort();
  }, [transport]);
  return state;
}
