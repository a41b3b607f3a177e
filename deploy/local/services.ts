import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectDir } from "./paths.ts";

/** How a process of the system is run. */
export interface ServicePlan {
  /** Its name in Consul. */
  readonly name: string;
  /** The file that node runs. */
  readonly entry: string;
  /** How many copies `make run` starts. */
  readonly replicas: number;
  /** Whether it owns a PostgreSQL database, called like itself. */
  readonly database: boolean;
  /** V8's limit for its old generation, MiB: an idle service needs 40. */
  readonly maxHeapMb: number;
}

const service = (name: string, more: Partial<ServicePlan> = {}): ServicePlan => ({
  name,
  entry: join(projectDir, "services", name, "src", "main.ts"),
  replicas: 1,
  database: true,
  maxHeapMb: 256,
  ...more,
});

const plans: readonly ServicePlan[] = [
  service("conductor", { database: false }),
  service("identity"),
  service("catalog", { replicas: 2 }),
  service("playlist", { replicas: 2 }),
  service("player", { maxHeapMb: 512 }),
  service("search", { database: false }),
  service("recommendation"),
  service("gateway", { database: false, entry: join(projectDir, "gateway", "src", "main.ts") }),
];

/** What this checkout can run, in the order in which it is shown. */
export function servicePlans(): ServicePlan[] {
  return plans.filter(({ entry }) => existsSync(entry));
}
