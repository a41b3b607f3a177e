// Servers of a test's own, for tests that stop, kill and restart them.
export {
  type NatsServer,
  type PostgresServer,
  startNats,
  startNatsCluster,
  startPostgres,
} from "@antiphon/deploy/local";
