import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Access, type MethodSemantics } from "@antiphon/proto/antiphon/options/v1/options";
import { createFileRegistry, type DescMethod, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
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

/** Whether browsers may make it at all; what carries no access is internal. */
export function isReachable(access: Access): boolean {
  return access === Access.PUBLIC || access === Access.LISTENER || access === Access.OPERATOR;
}
