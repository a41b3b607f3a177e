import { currentListener, fail } from "@antiphon/mesh";
import {
  Kind,
  SearchErrorDetailSchema,
  SearchErrorReason,
  type SearchService,
} from "@antiphon/proto/antiphon/search/v1/search";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { Found, MusicIndex } from "./music-index.ts";

export interface SearchDeps {
  /** Undefined while it is being loaded for the first time. */
  readonly index: () => MusicIndex | undefined;
}

const DEFAULT_LIMIT = 8;

const ANSWERED: Readonly<Record<Kind, keyof Found | undefined>> = {
  [Kind.UNSPECIFIED]: undefined,
  [Kind.TRACK]: "tracks",
  [Kind.ALBUM]: "albums",
  [Kind.ARTIST]: "artists",
  [Kind.PLAYLIST]: "playlists",
};

export function searchService(deps: SearchDeps): ServiceImpl<typeof SearchService> {
  return {
    search({ query, kinds, limit }) {
      if (query.trim() === "") throw fail(Code.InvalidArgument, "query: must be more than blanks");
      const index = deps.index();
      if (!index) {
        throw fail(Code.Unavailable, "the search index is being loaded, try again", SearchErrorDetailSchema, {
          reason: SearchErrorReason.LOADING,
        });
      }
      const wanted = new Set(kinds.map((kind) => ANSWERED[kind]));
      return index.search({
        query,
        limit: limit || DEFAULT_LIMIT,
        wants: (kind) => kinds.length === 0 || wanted.has(kind),
        listenerId: currentListener()?.id,
      });
    },
  };
}
