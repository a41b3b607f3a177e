import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFileRegistry, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

let methods: Map<string, DescMethod> | undefined;

/** The method that contracts know as `<package>.<Service>/<Method>`. They are read once, on first use. */
export function contractOf(name: string): DescMethod | undefined {
  if (!methods) {
    const path = fileURLToPath(import.meta.resolve("@antiphon/proto/descriptors"));
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
    const all = [...registry.files].flatMap(({ services }) => services).flatMap((service) => service.methods);
    methods = new Map(all.map((method) => [`${method.parent.typeName}/${method.name}`, method]));
  }
  return methods.get(name);
}
