import { decodePageToken, encodePageToken, PageTokenError } from "@antiphon/mesh";
import { CatalogErrorReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { z } from "zod";
import type { NameCursor } from "./catalog-store.ts";
import { refuse } from "./errors.ts";

const DEFAULT_PAGE_SIZE = 50;

// PostgreSQL takes no NUL in a text.
const text = z.string().regex(/^[^\0]*$/);

/** Lists by name go on after a sort key and an id. */
export const nameCursor: z.ZodType<NameCursor> = z.tuple([text, text]);

/** Lists by import go on below a number. */
export const importCursor: z.ZodType<string> = z.string().regex(/^\d{1,18}$/);

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * One page of a list. `read` gets one row more than the page holds, which tells whether there is a next
 * one. Rejects `invalid_argument` for a token that no answer of this list carried.
 */
export async function page<Row, Cursor>(
  { pageSize, pageToken }: PageRequest,
  schema: z.ZodType<Cursor>,
  read: (after: Cursor | undefined, limit: number) => Promise<readonly Row[]>,
  cursorOf: (row: Row) => Cursor,
): Promise<{ rows: readonly Row[]; nextPageToken: string }> {
  const size = pageSize || DEFAULT_PAGE_SIZE;
  const found = await read(cursorFrom(pageToken, schema), size + 1);
  const rows = found.slice(0, size);
  const last = rows.at(-1);
  return { rows, nextPageToken: last && found.length > size ? encodePageToken(cursorOf(last)) : "" };
}

function cursorFrom<Cursor>(token: string, schema: z.ZodType<Cursor>): Cursor | undefined {
  if (token === "") return undefined;
  try {
    return decodePageToken(token, schema);
  } catch (error) {
    if (!(error instanceof PageTokenError)) throw error;
    throw refuse(CatalogErrorReason.PAGE_TOKEN_INVALID, token, error.message);
  }
}
