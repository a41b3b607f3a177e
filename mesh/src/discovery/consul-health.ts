import { z } from "zod";
import { type BlockingQuery, blockingQuery, parseIndex, parseJson } from "./blocking-query.ts";
import type { EndpointInfo } from "./discovery.ts";

/** What `GET /v1/health/service/<name>` said. */
export interface HealthAnswer {
  /** Where the next blocking query continues. */
  readonly index: number;
  readonly bytes: number;
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
    Weights: z
      .object({ Passing: z.number().nonnegative(), Warning: z.number().nonnegative().optional() })
      .nullish(),
  }),
  Checks: z.array(z.object({ Status: z.string() })).nullish(),
});

/**
 * Asks Consul for the instances of a service that pass their checks, or of which these warn.
 * Rejects on any answer that is not Consul's: another status, not JSON, no index, too long, too late.
 */
export async function queryHealth({ url, service, ...query }: HealthQuery): Promise<HealthAnswer> {
  const address = new URL(`/v1/health/service/${encodeURIComponent(service)}`, url);
  const { index, body } = await blockingQuery({ ...query, address });
  if (body === undefined) throw new Error("Consul answered with HTTP 404");
  return parseHealth(index, body);
}

/** Reads the header `X-Consul-Index` and the body of an answer. Throws when it is not one of Consul's. */
export function parseHealth(index: string | null, body: string): HealthAnswer {
  const at = parseIndex(index);
  const entries = z.array(z.unknown()).safeParse(parseJson(body));
  if (!entries.success) throw new Error("Consul answered with something that is not a list");
  const read = entries.data.flatMap((entry) => healthEntry.safeParse(entry).data ?? []);
  const skipped = entries.data.length - read.length;
  if (skipped > 0 && read.length === 0) throw new Error("Consul answered with no entry that makes sense");
  const endpoints = read.filter(({ Checks }) => worstOf(Checks) !== "critical").map(toEndpoint);
  return { index: at, bytes: body.length, endpoints, skipped };
}

/** An instance is as well as the worst of its checks; what Consul calls otherwise, such as maintenance, is critical. */
function worstOf(checks: z.infer<typeof healthEntry>["Checks"]): "passing" | "warning" | "critical" {
  const statuses = new Set(checks?.map(({ Status }) => Status));
  statuses.delete("passing");
  const warns = statuses.delete("warning");
  if (statuses.size > 0) return "critical";
  return warns ? "warning" : "passing";
}

function toEndpoint({ Node, Service, Checks }: z.infer<typeof healthEntry>): EndpointInfo {
  const warns = worstOf(Checks) === "warning";
  const { Passing = 1, Warning = Passing } = Service.Weights ?? {};
  return {
    id: Service.ID,
    host: Service.Address === "" ? Node.Address : Service.Address,
    port: Service.Port,
    version: Service.Meta?.version ?? "",
    zone: Service.Meta?.zone ?? "",
    weight: warns ? Warning : Passing,
    ...(warns ? { health: "warning" as const } : {}),
    contract: Service.Meta?.contract || undefined,
  };
}
