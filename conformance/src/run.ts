import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Installs the official runner into .antiphon/ where it is missing, and runs it for the gateway, as the
 * baseline for plain connect-node, and for the mesh's client; then calls go from the mesh to grpc-go and back.
 * Exits with 1 where a case of the gateway, of the client or of grpc-go fails, 69 without Go.
 */
const VERSION = "v1.0.5";
const EXIT_UNAVAILABLE = 69;
/** A run that takes longer hangs. */
const RUN_TIMEOUT_MS = 600_000;

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = `${root}.antiphon/conformance-${VERSION}`;
const runner = `${bin}/connectconformance`;

function install(): void {
  if (existsSync(runner)) return;
  mkdirSync(bin, { recursive: true });
  const tool = `connectrpc.com/conformance/cmd/connectconformance@${VERSION}`;
  const { error, status } = spawnSync("go", ["install", tool], {
    env: { ...process.env, GOBIN: bin },
    stdio: "inherit",
  });
  if (!error && status === 0) return;
  console.error(
    `conformance: the official runner could not be installed with Go${error ? `: ${error.message}` : ""}`,
  );
  process.exit(EXIT_UNAVAILABLE);
}

function run(what: string, config: string, ...command: readonly string[]): SpawnSyncReturns<Buffer> {
  console.error(`\n${what}, ${config}`);
  return spawnSync(runner, ["--conf", `conformance/${config}`, ...command], {
    cwd: root,
    // The runner starts a server for each kind of connection, and gives up on one that takes ten seconds.
    env: { ...process.env, NODE_COMPILE_CACHE: `${root}.antiphon/compile-cache` },
    stdio: "inherit",
    timeout: RUN_TIMEOUT_MS,
  });
}

function runServer(what: string, config: string, server: string): SpawnSyncReturns<Buffer> {
  const mode = ["--mode", "server", "--max-servers", "1", "--parallel", "4", "--"];
  return run(what, config, ...mode, process.execPath, `conformance/src/${server}`);
}

/** With a runner of its own: these tests need Go, which `make test` does not. */
function runGrpcGo(): SpawnSyncReturns<Buffer> {
  console.error("\nmesh and grpc-go");
  const vitest = ["run", "--config", "conformance/vitest.config.ts"];
  return spawnSync("vitest", vitest, { cwd: root, stdio: "inherit", timeout: RUN_TIMEOUT_MS });
}

install();
const client = ["--mode", "client", "--", process.execPath, "conformance/src/mesh-client.ts"];
const judged = [
  runServer("gateway", "required.yaml", "server.ts"),
  runServer("gateway", "everything.yaml", "server.ts"),
  run("mesh client", "mesh-client.yaml", ...client),
  runGrpcGo(),
];
runServer("connect-node", "required.yaml", "connect-node.ts");
if (judged.some(({ status }) => status !== 0)) process.exit(1);
