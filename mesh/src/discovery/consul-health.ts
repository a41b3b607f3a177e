import { z } from "zod";
import type { EndpointInfo } from "./discovery.ts";

/** What `GET /v1/health/service/<name>` said. */
export interface HealthAnswer {
  /** Where the next blocking query continues. */
  readonly index: number;
  readonly endpoints: readonly EndpointInfo[];
  /** Entries that made no sense and were left out. */
  readonly skipped: number;
}

export interface HealthQuery {
  /** Consul's base URL. */
  readonly url: string;
  readonly service: string;
  /** 0 asks for an answer now, else one is wanted when something changed after it. */
  readonly index: number;
  /** Consul answers without a change after it, and up to a sixteenth more. */
  readonly waitMs: number;
  /** How long the answer may take on top of that. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const maxBytes = 16 * 1024 * 1024;

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
export async function queryHealth(query: HealthQuery): Promise<HealthAnswer> {
  const { url, service, index, waitMs, timeoutMs, signal } = query;
  const address = new URL(`/v1/health/service/${encodeURIComponent(service)}`, url);
  address.searchParams.set("passing", "1");
  if (index > 0) {
    address.searchParams.set("index", String(index));
    address.searchParams.set("wait", `${waitMs}ms`);
  }
  const limitMs = timeoutMs + (index > 0 ? Math.ceil(waitMs * (17 / 16)) : 0);
  const response = await fetch(address, {
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`Consul answered with HTTP ${response.status}`);
  }
  return parseHealth(response.headers.get("x-consul-index"), await readText(response));
}

/** Reads the header `X-Consul-Index` and the body of an answer. Throws when it is not one of Consul's. */
export function parseHealth(index: string | null, body: string): HealthAnswer {
  if (index === null || !/^\d{1,20}$/.test(index)) throw new Error("Consul answered without an index");
  const entries = z.array(z.unknown()).safeParse(parseJson(body));
  if (!entries.success) throw new Error("Consul answered with something that is not a list");
  const endpoints = entries.data.flatMap((entry) => {
    const parsed = healthEntry.safeParse(entry);
    return parsed.success ? [toEndpoint(parsed.data)] : [];
  });
  const skipped = entries.data.length - endpoints.length;
  if (skipped > 0 && endpoints.length === 0)
    throw new Error("Consul answered with no entry that makes sense");
  return { index: Number(index), endpoints, skipped };
}

/**
 * The index for the next query, by Consul's rules: one that went backwards means that the source was
 * reset, so ask afresh; never 0 otherwise, which would not block.
 */
export function nextIndex(previous: number, answered: number): number {
  return answered < previous ? 0 : Math.max(1, answered);
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("Consul answered with something that is not JSON");
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new Error(`Consul answered with more than ${maxBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
