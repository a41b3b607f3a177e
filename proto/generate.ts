/**
 * Generates proto/gen from the contracts.
 *
 *   node proto/generate.ts           writes proto/gen
 *   node proto/generate.ts --check   writes nothing, fails if proto/gen is not what it would write
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { emitValidateProto } from "./emit-validate-proto.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const buf = (...args: string[]): void => {
  execFileSync(join(root, "node_modules/.bin/buf"), args, { cwd: root, stdio: "inherit" });
};

function generateInto(out: string): void {
  buf("generate", "--output", out);
  buf(
    "build",
    "--path",
    "proto/antiphon",
    "--as-file-descriptor-set",
    // Nobody reads comments, and where they stand, at run time.
    "--exclude-source-info",
    "--output",
    join(out, "proto/gen/descriptors.binpb"),
  );
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function differences(expected: string, actual: string): string[] {
  const names = new Set([...filesIn(expected), ...filesIn(actual)]);
  return [...names].filter((name) => {
    const [a, b] = [join(expected, name), join(actual, name)];
    return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b));
  });
}

emitValidateProto(join(root, "proto/buf/validate/validate.proto"));
if (process.argv.includes("--check")) {
  const fresh = mkdtempSync(join(tmpdir(), "antiphon-gen-"));
  try {
    generateInto(fresh);
    const stale = differences(join(fresh, "proto/gen"), join(root, "proto/gen"));
    if (stale.length > 0) {
      console.error(`proto/gen is not current (${stale.join(", ")}): run 'npm run generate' and commit it.`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
} else {
  generateInto(root);
}
