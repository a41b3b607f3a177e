export type { BytesAnswer, BytesCall, BytesStream, BytesTransport } from "./bytes.ts";
export type { CallSignal } from "./call.ts";
export { createMeshTransport, type MeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";
export { parseTarget, type Target, TargetError } from "./target.ts";
