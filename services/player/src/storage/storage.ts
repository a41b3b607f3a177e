import { join } from "node:path";
import type { StorageConfig } from "../config.ts";
import { openDiskBlobs } from "./disk-blobs.ts";
import { type ObjectStore, objectStore } from "./object-store.ts";
import { openS3Blobs } from "./s3-blobs.ts";
import { openWorkspaces, type Workspaces } from "./workspaces.ts";

export interface Storage {
  readonly objects: ObjectStore;
  readonly workspaces: Workspaces;
}

/** What the player's settings say: a bucket, else `objects` in the data folder; work is done in `work` there. */
export async function openStorage({
  dataDir,
  bucket,
}: Pick<StorageConfig, "dataDir" | "bucket">): Promise<Storage> {
  const blobs = bucket ? openS3Blobs(bucket) : await openDiskBlobs(join(dataDir, "objects"));
  return { objects: objectStore(blobs), workspaces: await openWorkspaces(join(dataDir, "work")) };
}
