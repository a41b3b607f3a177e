export {
  type BackingOptions,
  type BackingServer,
  ensureDatabase,
  type NatsServer,
  type PostgresOptions,
  type PostgresServer,
  startConsul,
  startNats,
  startNatsCluster,
  startPostgres,
} from "./backing.ts";
export { findPrograms, type ProgramName } from "./binaries.ts";
export type { ServiceInstance } from "./instance.ts";
export { freeAlbum, shortestOf } from "./music.ts";
export { toolsDir } from "./paths.ts";
export { type PrometheusServer, startPrometheus } from "./prometheus.ts";
export { Sentence } from "./sentence.ts";
export { type ServicePlan, servicePlans } from "./services.ts";
export { type System, type SystemOptions, type SystemPorts, startSystem } from "./system.ts";
export { buildWeb } from "./web-build.ts";
