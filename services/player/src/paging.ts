import { decodePageToken, encodePageToken, PageTokenError } from "@antiphon/mesh";
import { PlayerErrorReason } from "@antiphon/proto/antiphon/player/v1/player";
import { z } from "zod";
import { refuse } from "./errors.ts";
import type { HistoryCursor } from "./playback-store.ts";

const DEFAULT_PAGE_SIZE = 50;

const historyCursor: z.ZodType<HistoryCursor> = z.object({
  playedAtMs: z.int().min(0).max(8.64e15),
  playbackId: z.string().regex(/^pb_[0-9a-z]{20}$/),
});

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * One page of a history. `read` gets one row more than the page holds, which tells whether there is a
 * next one. Rejects `invalid_argument` for a token that no answer carried.
 */
export async function page<Row extends HistoryCursor>(
  { pageSize, pageToken }: PageRequest,
  read: (after: HistoryCursor | undefined, limit: number) => Promise<readonly Row[]>,
): Promise<{ rows: readonly Row[]; nextPageToken: string }> {
  const size = pageSize || DEFAULT_PAGE_SIZE;
  const found = await read(cursorFrom(pageToken), size + 1);
  const rows = found.slice(0, size);
  const last = rows.at(-1);
  const more = last && found.length > size;
  return { rows, nextPageToken: more ? encodePageToken(historyCursor.parse(last)) : "" };
}

function cursorFrom(token: string): HistoryCursor | undefined {
  if (token === "") return undefined;
  try {
    return decodePageToken(token, historyCursor);
  } catch (error) {
    if (!(error instanceof PageTokenError)) throw error;
    throw refuse(PlayerErrorReason.PAGE_TOKEN_INVALID, token, error.message);
  }
}
