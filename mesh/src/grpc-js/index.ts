import { experimental } from "@grpc/grpc-js";
import { consulDiscovery } from "../discovery/consul-discovery.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { MeshPolicy, MeshPolicyConfig, POLICY_NAME } from "./mesh-policy.ts";
import { meshResolver } from "./mesh-resolver.ts";

export type RegisterMeshOptions =
  /** Where Consul's HTTP API is, such as `http://127.0.0.1:8500`. */
  { readonly consulUrl: string } | { readonly discovery: Discovery };

/**
 * Teaches stock grpc-js the target `consul:///<service>`: from then on every client of this process with
 * such a target, generated or made by proto-loader, finds its endpoints through Consul and is balanced by
 * the mesh's picker. Calling it again replaces the discovery for channels made after.
 *
 *     registerMesh({ consulUrl: "http://127.0.0.1:8500" });
 *     const catalog = new CatalogService("consul:///catalog", credentials.createInsecure());
 */
export function registerMesh(options: RegisterMeshOptions): void {
  const discovery = "discovery" in options ? options.discovery : consulDiscovery({ url: options.consulUrl });
  experimental.registerLoadBalancerType(POLICY_NAME, MeshPolicy, MeshPolicyConfig);
  experimental.registerResolver("consul", meshResolver(discovery));
}
