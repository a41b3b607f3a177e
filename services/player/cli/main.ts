/** `npm run media -- repair`: what operators do with packaged audio. */
import { parseArgs } from "node:util";
import { ConfigError, openPool } from "@antiphon/mesh";
import { audioStore } from "../src/audio-store.ts";
import { loadStorageConfig } from "../src/config.ts";
import { packagingStore } from "../src/packaging-store.ts";
import { repair } from "../src/repair.ts";
import { openStorage } from "../src/storage/storage.ts";

const EXIT_USAGE = 64;

const usage = `npm run media -- repair [--dry-run]

Reads all packaged audio. What is damaged or missing is queued to be made again from its source, which
players that run then do; what belongs to no track is deleted. Each is said, and at the end how many.
Exit code 1 where a dry run found anything.

  --dry-run   looks, and changes nothing
  --help      this text

It reads the player's ANTIPHON_DATABASE_URL, ANTIPHON_DATA_DIR and ANTIPHON_MEDIA_BUCKET.`;

function refuse(why: string): never {
  console.error(`media: ${why}\n\n${usage}`);
  process.exit(EXIT_USAGE);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { "dry-run": { type: "boolean", default: false }, help: { type: "boolean", default: false } },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function readConfig() {
  try {
    return loadStorageConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) refuse(error.message);
    throw error;
  }
}

async function runRepair(dryRun: boolean): Promise<void> {
  const config = readConfig();
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  const { objects } = await openStorage(config);
  const pool = openPool(config.databaseUrl);
  try {
    const jobs = packagingStore(pool);
    // It publishes nothing.
    const outbox = { publish: () => Promise.reject(new Error("a repair publishes no events")) };
    const audio = audioStore({ pool, objects, jobs, outbox });
    const print = (line: string) => console.log(line);
    const found = await repair({ audio, objects, print, dryRun, signal: interrupted.signal });
    const { whole, damaged, missing, orphans } = found;
    print(
      `${whole} objects are whole, ${damaged} damaged, ${missing} missing, ${orphans} belonged to no track`,
    );
    if (dryRun && damaged + missing + orphans > 0) process.exitCode = 1;
  } finally {
    await pool.end();
  }
}

const { values, positionals } = readArguments();
if (values.help) console.log(usage);
else if (positionals.join(" ") !== "repair")
  refuse(`there is no command ${JSON.stringify(positionals.join(" "))}`);
else await runRepair(values["dry-run"]);
