import { experimental } from "@grpc/grpc-js";
import { balanceSettings } from "../balance/settings.ts";
import { consulDiscovery } from "../discovery/consul-discovery.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { consulPolicies } from "../policy/consul-policies.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import type { Logger } from "../telemetry/logger.ts";
import { MeshPolicyConfig, type MeshPolicyOptions, meshPolicy, POLICY_NAME } from "./mesh-policy.ts";
import { meshResolver } from "./mesh-resolver.ts";

export type RegisterMeshOptions = MeshPolicyOptions &
  (
    | {
        /** Where Consul's HTTP API is, such as `http://127.0.0.1:8500`: for endpoints and traffic policies. */
        readonly consulUrl: string;
      }
    | { readonly discovery: Discovery; readonly policies?: PolicySource }
  );

export { debugSnapshot } from "../telemetry/debug-targets.ts";
export { propagation } from "./propagation.ts";

/**
 * Teaches stock grpc-js the target `consul:///<service>`: from then on every client of this process with
 * such a target, generated or made by proto-loader, finds its endpoints through Consul, is balanced by the mesh's
 * picker and follows the traffic policy; mesh/README.md says what grpc-js leaves out. Calling it again replaces the discovery for channels made after. Throws
 * `BalanceSettingsError` for a `balance` that makes no sense.
 *
 *     registerMesh({ consulUrl: "http://127.0.0.1:8500" });
 *     const catalog = new CatalogService("consul:///catalog", credentials.createInsecure());
 */
export function registerMesh(options: RegisterMeshOptions): void {
  const { discovery, policies } = "discovery" in options ? options : consulOf(options.consulUrl, options.log);
  balanceSettings(options.balance);
  experimental.registerLoadBalancerType(POLICY_NAME, meshPolicy(options), MeshPolicyConfig);
  experimental.registerResolver("consul", meshResolver(discovery, policies));
}

function consulOf(url: string, log: Logger | undefined) {
  const options = { url, ...(log ? { log } : {}) };
  return { discovery: consulDiscovery(options), policies: consulPolicies(options) };
}
