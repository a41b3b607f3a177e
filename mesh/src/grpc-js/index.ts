import { experimental } from "@grpc/grpc-js";
import { balanceSettings } from "../balance/settings.ts";
import { consulDiscovery } from "../discovery/consul-discovery.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { MeshPolicyConfig, type MeshPolicyOptions, meshPolicy, POLICY_NAME } from "./mesh-policy.ts";
import { meshResolver } from "./mesh-resolver.ts";

export type RegisterMeshOptions = MeshPolicyOptions &
  /** Where Consul's HTTP API is, such as `http://127.0.0.1:8500`. */
  ({ readonly consulUrl: string } | { readonly discovery: Discovery });

/** Every endpoint of every channel with its state, and why the last picks were made. */
export { policySnapshots as debugSnapshot } from "./mesh-policy.ts";

/**
 * Teaches stock grpc-js the target `consul:///<service>`: from then on every client of this process with
 * such a target, generated or made by proto-loader, finds its endpoints through Consul and is balanced by
 * the mesh's picker. Calling it again replaces the discovery for channels made after. Throws
 * `BalanceSettingsError` for a `balance` that makes no sense.
 *
 *     registerMesh({ consulUrl: "http://127.0.0.1:8500" });
 *     const catalog = new CatalogService("consul:///catalog", credentials.createInsecure());
 */
export function registerMesh(options: RegisterMeshOptions): void {
  const discovery = "discovery" in options ? options.discovery : consulDiscovery({ url: options.consulUrl });
  balanceSettings(options.balance);
  experimental.registerLoadBalancerType(POLICY_NAME, meshPolicy(options), MeshPolicyConfig);
  experimental.registerResolver("consul", meshResolver(discovery));
}
