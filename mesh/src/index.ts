// A service's view of the mesh.
export { currentListener, type ListenerIdentity, requireListener } from "./call-scope.ts";
export { type Clock, systemClock } from "./clock.ts";
export { ConfigError, type ConfigShape, defineConfig, type MeshConfig, wholeNumber } from "./config.ts";
export {
  databaseReady,
  isDatabaseAway,
  type MigrateOptions,
  migrate,
  openPool,
  type PoolOptions,
  withTransaction,
} from "./database.ts";
export { CallError, type CallErrorInit, fail } from "./errors.ts";
export { newId, stableId } from "./ids.ts";
export { decodePageToken, encodePageToken, PageTokenError } from "./page-token.ts";
export { signMediaPath, verifyMediaPath } from "./signed-media.ts";
