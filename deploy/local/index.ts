export {
  type BackingOptions,
  type BackingServer,
  ensureDatabase,
  type NatsServer,
  type PostgresOptions,
  type PostgresServer,
  startConsul,
  startNats,
  startPostgres,
} from "./backing.ts";
export { findPrograms, type ProgramName } from "./binaries.ts";
export { toolsDir } from "./paths.ts";
export { Sentence } from "./sentence.ts";
