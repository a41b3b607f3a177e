import { z } from "zod";
import { type BlockingQuery, blockingQuery, parseIndex, parseJson } from "./blocking-query.ts";

/** What instances that tell their contracts by reflection are tagged with. */
export const REFLECTION_TAG = "grpc-reflection";

/** What `GET /v1/catalog/services` said. */
export interface ServicesAnswer {
  /** Where the next blocking query continues. */
  readonly index: number;
  readonly bytes: number;
  /** The names of those tagged with `REFLECTION_TAG`, sorted. */
  readonly services: readonly string[];
}

const catalog = z.record(z.string(), z.array(z.string()).nullish());

/** Asks Consul which services offer reflection. Rejects on any answer that is not Consul's. */
export async function queryServices(
  url: string,
  query: Omit<BlockingQuery, "address">,
): Promise<ServicesAnswer> {
  const { index, body } = await blockingQuery({ ...query, address: new URL("/v1/catalog/services", url) });
  const tagsByName = catalog.safeParse(parseJson(body ?? ""));
  if (!tagsByName.success) throw new Error("Consul answered with something that is not a list of services");
  const services = Object.entries(tagsByName.data)
    .filter(([, tags]) => tags?.includes(REFLECTION_TAG))
    .map(([name]) => name);
  return { index: parseIndex(index), bytes: body?.length ?? 0, services: services.sort() };
}
