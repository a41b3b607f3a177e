import { createHash } from "node:crypto";
import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { closureOf } from "./closure.ts";

/**
 * Stands for the contracts of services: another one wherever anything in them, or in what they import, is
 * different. 22 characters.
 */
export function contractDigest(services: readonly DescService[]): string {
  const files = new Set<DescFile>();
  for (const { file } of services) closureOf(file, files);
  const hash = createHash("sha256");
  for (const name of services.map(({ typeName }) => typeName).sort()) hash.update(`${name}\n`);
  for (const { proto } of [...files].sort((a, b) => (a.proto.name < b.proto.name ? -1 : 1))) {
    hash.update(toBinary(FileDescriptorProtoSchema, proto));
  }
  return hash.digest("base64url").slice(0, 22);
}
