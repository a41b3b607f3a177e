import { z } from "zod";
import { type BlockingQuery, blockingQuery, parseIndex, parseJson } from "./blocking-query.ts";
import type { EndpointInfo } from "./discovery.ts";

/** What `GET /v1/health/service/<name>` said. */
export interface HealthAnswer {
  /** Where the next blocking query continues. */
  readonly index: number;
  readonly endpoints: readonly EndpointInfo[];
  /** Entries that made no sense and were left out. */
  readonly skipped: number;
}

export interface HealthQuery extends Omit<BlockingQuery, "address"> {
  /** Consul's base URL. */
  readonly url: string;
  readonly service: string;
}

const healthEntry = z.object({
  Node: z.object({ Address: z.string() }),
  Service: z.object({
    ID: z.string().min(1),
    Address: z.string().default(""),
    Port: z.int().min(1).max(65_535),
    Meta: z.record(z.string(), z.string()).nullish(),
    Weights: z.object({ Passing: z.number().nonnegative() }).nullish(),
  }),
});

/**
 * Asks Consul for the passing instances of a service.
 * Rejects on any answer that is not Consul's: another status, not JSON, no index, too long, too late.
 */
export async function queryHealth({ url, service, ...query }: HealthQuery): Promise<HealthAnswer> {
  const address = new URL(`/v1/health/service/${encodeURIComponent(service)}`, url);
  address.searchParams.set("passing", "1");
  const { index, body } = await blockingQuery({ ...query, address });
  if (body === undefined) throw new Error("Consul answered with HTTP 404");
  return parseHealth(index, body);
}

/** Reads the header `X-Consul-Index` and the body of an answer. Throws when it is not one of Consul's. */
export function parseHealth(index: string | null, body: string): HealthAnswer {
  const at = parseIndex(index);
  const entries = z.array(z.unknown()).safeParse(parseJson(body));
  if (!entries.success) throw new Error("Consul answered with something that is not a list");
  const endpoints = entries.data.flatMap((entry) => {
    const parsed = healthEntry.safeParse(entry);
    return parsed.success ? [toEndpoint(parsed.data)] : [];
  });
  const skipped = entries.data.length - endpoints.length;
  if (skipped > 0 && endpoints.length === 0)
    throw new Error("Consul answered with no entry that makes sense");
  return { index: at, endpoints, skipped };
}

function toEndpoint({ Node, Service }: z.infer<typeof healthEntry>): EndpointInfo {
  return {
    id: Service.ID,
    host: Service.Address === "" ? Node.Address : Service.Address,
    port: Service.Port,
    version: Service.Meta?.version ?? "",
    zone: Service.Meta?.zone ?? "",
    weight: Service.Weights?.Passing ?? 1,
  };
}
