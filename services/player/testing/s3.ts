import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import type { BucketConfig } from "../src/storage/s3-blobs.ts";

/** An S3-compatible server with one empty bucket, whose objects lie in `folder`. */
export async function s3Server(): Promise<{ bucket: BucketConfig; folder: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "antiphon-s3-"));
  const server = new S3rver({
    port: 0,
    silent: true,
    directory: folder,
    configureBuckets: [{ name: "audio", configs: [] }],
  });
  const { port } = await server.run();
  return {
    bucket: {
      url: `http://127.0.0.1:${port}/audio`,
      region: "us-east-1",
      // Those that s3rver takes.
      accessKeyId: "S3RVER",
      secretAccessKey: "S3RVER",
    },
    folder: join(folder, "audio"),
    async stop() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
