import {
  type Health,
  type Instance,
  InstanceSchema,
  Health as State,
} from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { create } from "@bufbuild/protobuf";
import { z } from "zod";

const checkSchema = z.object({
  Status: z.string(),
  Output: z.string().default(""),
  /** Empty for a check of the whole host. */
  ServiceID: z.string().default(""),
});

/** An entry of Consul's `/v1/health/service/<name>`, as far as it matters here. */
const entrySchema = z.object({
  Node: z.object({ Address: z.string() }),
  Service: z.object({
    ID: z.string(),
    Service: z.string(),
    Address: z.string(),
    Port: z.int(),
    Meta: z.record(z.string(), z.string()).nullish(),
  }),
  Checks: z.array(checkSchema),
});
type Entry = z.infer<typeof entrySchema>;
type Check = z.infer<typeof checkSchema>;

/** The names in an answer of `/v1/catalog/services`. Throws where it is no such answer. */
export function serviceNames(answer: unknown): string[] {
  return Object.keys(z.record(z.string(), z.unknown()).parse(answer)).sort();
}

/**
 * The instances of the mesh in an answer of `/v1/health/service/<name>`, by id. What did not register with an
 * admin port is not of the mesh (Consul itself, say) and left out, as is what makes no sense. Throws where it is
 * no such answer.
 */
export function meshInstances(answer: unknown): Instance[] {
  return z
    .array(z.unknown())
    .parse(answer)
    .flatMap((entry) => toInstance(entrySchema.safeParse(entry).data) ?? [])
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function toInstance(entry: Entry | undefined): Instance | undefined {
  if (!entry) return undefined;
  const { Node, Service, Checks } = entry;
  const { admin_port: adminPort = "", version = "", zone = "" } = Service.Meta ?? {};
  if (!/^[1-9]\d{0,4}$/.test(adminPort)) return undefined;
  const worst = Checks.toSorted(worseAndOwnFirst)[0];
  return create(InstanceSchema, {
    service: Service.Service,
    id: Service.ID,
    host: Service.Address || Node.Address,
    port: Service.Port,
    adminPort: Number(adminPort),
    version,
    zone,
    health: worst ? healthOf(worst.Status) : State.PASSING,
    checkOutput: worst?.Output.trim() ?? "",
  });
}

/** Among equals, what the instance's own check says tells more than what its host's does. */
function worseAndOwnFirst(a: Check, b: Check): number {
  return healthOf(b.Status) - healthOf(a.Status) || Number(b.ServiceID !== "") - Number(a.ServiceID !== "");
}

/** The worse, the greater. An unknown state is taken for the worst. */
function healthOf(status: string): Health {
  if (status === "passing") return State.PASSING;
  return status === "warning" ? State.WARNING : State.CRITICAL;
}
