import type { experimental } from "@grpc/grpc-js";
import type { EndpointInfo } from "../discovery/discovery.ts";

/**
 * What grpc-js's endpoints are in the mesh. They pass from resolver to policy as the same objects; told
 * through the resolver's attributes instead, each update would open all connections anew.
 */
const infos = new WeakMap<experimental.Endpoint, EndpointInfo>();

export function toGrpcEndpoint(info: EndpointInfo): experimental.Endpoint {
  const endpoint = { addresses: [{ host: info.host, port: info.port }] };
  infos.set(endpoint, info);
  return endpoint;
}

/** Undefined for an endpoint that another resolver made. */
export function infoOf(endpoint: experimental.Endpoint): EndpointInfo | undefined {
  return infos.get(endpoint);
}
