import { openAsBlob } from "node:fs";
import { S3mini, S3ServiceError } from "s3mini";
import type { Blobs } from "./blobs.ts";

/** A bucket of an S3-compatible store. */
export interface BucketConfig {
  /** With the bucket as its path: http://host:9000/bucket. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A request that takes longer has failed, milliseconds. */
const TIMEOUT_MS = 30_000;

/** Blobs in a bucket, which must exist. Large files are sent in parts of 8 MiB. */
export function openS3Blobs({ url, ...access }: BucketConfig): Blobs {
  const bucket = new S3mini({ endpoint: url, requestAbortTimeout: TIMEOUT_MS, ...access });
  return {
    async put(name, path) {
      await bucket.putAnyObject(name, await openAsBlob(path));
    },

    async read(name, start, end) {
      try {
        const answer = await bucket.getObjectRaw(name, false, start, end);
        return Buffer.from(await answer.arrayBuffer());
      } catch (error) {
        if (error instanceof S3ServiceError && error.status === 404) return undefined;
        throw error;
      }
    },

    async delete(name) {
      await bucket.deleteObject(name);
    },

    async *names() {
      let token: string | undefined;
      do {
        const page = await bucket.listObjectsPaged("/", "", 1_000, token);
        for (const { Key } of page?.objects ?? []) yield Key;
        token = page?.nextContinuationToken;
      } while (token);
    },
  };
}
