import type { DescFile } from "@bufbuild/protobuf";

/** A file and everything it imports, imports first. */
export function closureOf(file: DescFile, files = new Set<DescFile>()): Set<DescFile> {
  for (const dependency of file.dependencies) closureOf(dependency, files);
  return files.add(file);
}
