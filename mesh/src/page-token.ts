import type { z } from "zod";

/** A page token that this service did not make, or made for another list. */
export class PageTokenError extends Error {
  override readonly name = "PageTokenError";
  constructor() {
    super("page_token is not one that this list has answered with");
  }
}

/** Where the next page starts, opaque to the caller. The value must be JSON. */
export function encodePageToken(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Reads a token back. Throws PageTokenError where it is not of the schema's shape. */
export function decodePageToken<T>(token: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw new PageTokenError();
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new PageTokenError();
  return parsed.data;
}
