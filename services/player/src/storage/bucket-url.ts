import { z } from "zod";
import type { BucketConfig } from "./s3-blobs.ts";

const EXAMPLE = "http://KEY:SECRET@127.0.0.1:9000/bucket?region=auto";

/** A bucket and how to get into it, as one URL; the region is `auto` where it is not said. */
export const bucketUrl: z.ZodType<BucketConfig> = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const [, bucket, ...more] = url?.pathname.split("/") ?? [];
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    !url.username ||
    !url.password ||
    !bucket ||
    more.length > 0
  ) {
    context.addIssue({ code: "custom", message: `must be a URL like ${EXAMPLE}` });
    return z.NEVER;
  }
  return {
    url: `${url.origin}/${bucket}`,
    region: url.searchParams.get("region") ?? "auto",
    accessKeyId: decodeURIComponent(url.username),
    secretAccessKey: decodeURIComponent(url.password),
  };
});
