// A service's view of the mesh.
export {
  type CallScope,
  currentListener,
  type ListenerIdentity,
  requireListener,
  runInScope,
} from "./call-scope.ts";
export {
  type BytesAnswer,
  type BytesCall,
  type BytesStream,
  type BytesTransport,
  type CallSignal,
  createMeshTransport,
  type MeshTransport,
  type MeshTransportOptions,
  TargetError,
} from "./client/index.ts";
export { type Clock, systemClock } from "./clock.ts";
export { ConfigError, type ConfigShape, defineConfig, type MeshConfig, wholeNumber } from "./config.ts";
export type { ContractsWatch, OnContracts } from "./contracts/follow-contracts.ts";
export type { ReflectedContracts } from "./contracts/reflect.ts";
export {
  databaseReady,
  isDatabaseAway,
  type MigrateOptions,
  migrate,
  openPool,
  type PoolOptions,
  withTransaction,
} from "./database.ts";
export { type ConsulDiscovery, consulDiscovery } from "./discovery/consul-discovery.ts";
export type { Discovery, EndpointInfo, MeshDiscovery, Watch } from "./discovery/discovery.ts";
export { staticDiscovery } from "./discovery/static-discovery.ts";
export { CallError, type CallErrorInit, fail, notAgain } from "./errors.ts";
export { type IdentityKeys, newIdentityKeys, readPrivateKey } from "./identity/identity-keys.ts";
export { type IdentitySigner, identitySigner } from "./identity/listener-proof.ts";
export { newId, stableId } from "./ids.ts";
export { type KeepRunning, keepRunning, pause } from "./keep-running.ts";
export { Latest } from "./latest.ts";
export type { Edge } from "./lifecycle.ts";
export { decodePageToken, encodePageToken, PageTokenError } from "./page-token.ts";
export { checkPolicy } from "./policy/check-policy.ts";
export { consulPolicies, policyKey } from "./policy/consul-policies.ts";
export { PolicyError, type PolicyProblem } from "./policy/policy-error.ts";
export type { PolicySource, PolicyState } from "./policy/policy-source.ts";
export { readPolicy } from "./policy/read-policy.ts";
export type { Ending, PriorityName } from "./resilience/concurrency-limit.ts";
export { runService, type ServiceSpec } from "./run-service.ts";
export { type EnteredCall, type KindGuard, LoadGuard, type LoadGuardOptions } from "./server/load-guard.ts";
export { type Served, serve } from "./server/served.ts";
export type { AdminHandler, EdgeDeps, ServiceDeps } from "./service-deps.ts";
export { serviceNameOf } from "./service-name.ts";
export { signMediaPath, verifyMediaPath } from "./signed-media.ts";
export { clientLayers } from "./stack.ts";
export { debugSnapshot, type TargetSnapshot } from "./telemetry/debug-targets.ts";
export { codeLabel, HANDLING_BUCKETS, methodLabels } from "./telemetry/grpc-labels.ts";
export { type Cell, type HistogramCell, LeanCounter, LeanHistogram } from "./telemetry/lean-metrics.ts";
export type { Logger } from "./telemetry/logger.ts";
export { continueTrace, traceIdOf } from "./telemetry/traceparent.ts";
export { TooManyWatchersError, VersionFeed, type VersionFeedDeps } from "./version-feed.ts";
export { type Wait, Waits } from "./waits.ts";
