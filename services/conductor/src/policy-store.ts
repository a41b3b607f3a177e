import { policyKey } from "@antiphon/mesh";
import { z } from "zod";

const TIMEOUT_MS = 3_000;

const entries = z.tuple([z.object({ Value: z.base64().nullable(), ModifyIndex: z.int() })]);

export interface StoredPolicy {
  readonly text: string;
  /** Changes with each change of the policy. */
  readonly revision: bigint;
}

/** The policies of services in Consul's KV. Each method rejects where Consul is away. */
export class PolicyStore {
  readonly #consulUrl: string;

  constructor(consulUrl: string) {
    this.#consulUrl = consulUrl;
  }

  async get(service: string): Promise<StoredPolicy | undefined> {
    const response = await this.#ask("GET", service);
    if (response.status === 404) return undefined;
    const [{ Value, ModifyIndex }] = entries.parse(await response.json());
    return { text: Buffer.from(Value ?? "", "base64").toString(), revision: BigInt(ModifyIndex) };
  }

  /** False where the stored policy has another revision; 0 is that of none. */
  async set(service: string, text: string, revision: bigint | undefined): Promise<boolean> {
    const response = await this.#ask("PUT", service, text, revision);
    return z.boolean().parse(await response.json());
  }

  async delete(service: string): Promise<void> {
    await this.#ask("DELETE", service);
  }

  async #ask(method: string, service: string, body?: string, revision?: bigint): Promise<Response> {
    const url = new URL(`/v1/kv/${policyKey(service)}`, this.#consulUrl);
    if (revision !== undefined) url.searchParams.set("cas", String(revision));
    const init = { method, signal: AbortSignal.timeout(TIMEOUT_MS), ...(body === undefined ? {} : { body }) };
    const response = await fetch(url, init);
    if (response.ok || (method === "GET" && response.status === 404)) return response;
    throw new Error(`Consul answered ${response.status} to ${method} ${url.pathname}`);
  }
}
