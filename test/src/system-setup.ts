import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** Where the system of this run keeps its data and logs. */
    systemDir: string;
  }
}

/**
 * The system itself is started by the first test that needs it, in the worker that may kill parts of
 * it, and ends with that worker.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "antiphon-system-"));
  project.provide("systemDir", folder);
  return () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
