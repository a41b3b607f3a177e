import { decodePageToken, encodePageToken, PageTokenError } from "@antiphon/mesh";
import { PlaylistErrorReason } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { z } from "zod";
import { refuse } from "./errors.ts";
import type { Cursor } from "./playlist-store.ts";

const DEFAULT_PAGE_SIZE = 50;

const cursorSchema = z.object({
  atMs: z.int().min(0).max(8.64e15),
  id: z.string().regex(/^[a-z]+_[0-9a-z]{20}$/),
});

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * One page of a list that is ordered by time and id, both descending. `read` gets one row more than
 * the page holds, which tells whether there is a next one. Rejects `invalid_argument` for a token that
 * no answer carried.
 */
export async function page<Row>(
  { pageSize, pageToken }: PageRequest,
  read: (after: Cursor | undefined, limit: number) => Promise<readonly Row[]>,
  cursorOf: (row: Row) => Cursor,
): Promise<{ rows: readonly Row[]; nextPageToken: string }> {
  const size = pageSize || DEFAULT_PAGE_SIZE;
  const found = await read(cursorFrom(pageToken), size + 1);
  const rows = found.slice(0, size);
  const last = rows.at(-1);
  return { rows, nextPageToken: last && found.length > size ? encodePageToken(cursorOf(last)) : "" };
}

function cursorFrom(token: string): Cursor | undefined {
  if (token === "") return undefined;
  try {
    return decodePageToken(token, cursorSchema);
  } catch (error) {
    if (!(error instanceof PageTokenError)) throw error;
    throw refuse(PlaylistErrorReason.PAGE_TOKEN_INVALID, token, error.message);
  }
}
