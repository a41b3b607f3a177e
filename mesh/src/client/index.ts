export type { BytesAnswer, BytesCall, BytesStream, BytesTransport } from "./bytes.ts";
export type { TargetSnapshot } from "./cluster.ts";
export { debugSnapshot } from "./clusters.ts";
export { createMeshTransport, type MeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";
export { parseTarget, type Target, TargetError } from "./target.ts";
