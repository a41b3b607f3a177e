import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  Access,
  type MethodSemantics,
  method as methodOption,
  service as serviceOption,
} from "@antiphon/proto/antiphon/options/v1/options";
import {
  createFileRegistry,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
  getOption,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A method that browsers can reach, with what its contract says of it. */
export interface Route {
  readonly method: DescMethod;
  readonly semantics: MethodSemantics;
  /** Its service's name in Consul. */
  readonly service: string;
}

/** The contracts of all services, as they were when this gateway was built. */
export function readContracts(): FileRegistry {
  const path = fileURLToPath(import.meta.resolve("@antiphon/proto/descriptors"));
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
}

/**
 * The methods marked as public, listener or operator. Everything else is out of reach: what
 * carries no access is internal.
 */
export function publicRoutes(contracts: FileRegistry): Route[] {
  const routes: Route[] = [];
  for (const desc of contracts) {
    if (desc.kind !== "service") continue;
    for (const method of desc.methods) {
      const semantics = getOption(method, methodOption);
      if (isReachable(semantics.access)) routes.push({ method, semantics, service: consulName(desc) });
    }
  }
  return routes;
}

function isReachable(access: Access): boolean {
  return access === Access.PUBLIC || access === Access.LISTENER || access === Access.OPERATOR;
}

/** Its `(antiphon.options.v1.service).name`, else its domain: the second part of its package. */
function consulName(service: DescService): string {
  return getOption(service, serviceOption).name || (service.typeName.split(".")[1] ?? service.typeName);
}
