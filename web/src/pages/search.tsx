import { type SearchResponse, SearchService } from "@antiphon/proto/antiphon/search/v1/search";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, skipToken } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { usePlay } from "../playback/use-play.ts";
import { TrackList } from "../tracks/track-list.tsx";
import { AlbumCard, ArtistCard, PlaylistCard } from "../ui/cards.tsx";
import { Icon } from "../ui/icons.tsx";
import { Section } from "../ui/section.tsx";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { Browse } from "./browse.tsx";
import "./search.css";

const DEBOUNCE_MS = 80;
const MAX_LENGTH = 200;

/** Search as you type. The query is in the address; the last results stay until the next ones are there. */
export function SearchPage() {
  const [params, setParams] = useSearchParams();
  const [text, setText] = useState(params.get("q") ?? "");
  const input = useRef<HTMLInputElement>(null);
  const query = useDebounced(text.trim(), DEBOUNCE_MS);
  useTitle(query ? `Search: ${query}` : "Search");
  useEffect(() => {
    // On a touch screen the focus would bring up the keyboard, over what there is to browse.
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
  }, []);
  useEffect(() => {
    if ((params.get("q") ?? "") !== query) setParams(query ? { q: query } : {}, { replace: true });
  }, [query, params, setParams]);
  return (
    <>
      <search className="search-box">
        <Icon name="search" />
        <input
          ref={input}
          type="search"
          aria-label="Search for tracks, albums, artists and playlists"
          placeholder="Tracks, albums, artists, playlists"
          data-testid="search-input"
          autoComplete="off"
          spellCheck={false}
          maxLength={MAX_LENGTH}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <span className="key" aria-hidden="true">
          /
        </span>
      </search>
      {query ? <Results query={query} /> : <Browse />}
    </>
  );
}

function Results({ query }: { query: string }) {
  const { data, error, isPlaceholderData, refetch } = useQuery(
    SearchService.method.search,
    query ? { query, limit: 12 } : skipToken,
    { placeholderData: keepPreviousData },
  );
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  if (!data) return <RowSkeletons />;
  const { tracks, albums, artists, playlists } = data;
  const count = tracks.length + albums.length + artists.length + playlists.length;
  return (
    <div
      className={isPlaceholderData ? "results stale" : "results"}
      data-testid="search-results"
      data-query={query}
    >
      <p className="visually-hidden" role="status">
        {count === 0 ? "Nothing found" : `${count} results`}
      </p>
      {count === 0 && !isPlaceholderData ? (
        <EmptyState icon="search" title={`Nothing sounds like “${query}”`}>
          <p>Fewer letters find more. One typing error in a word is fine.</p>
        </EmptyState>
      ) : (
        <Found {...data} query={query} />
      )}
    </div>
  );
}

function Found({ tracks, albums, artists, playlists, query }: SearchResponse & { query: string }) {
  const { play } = usePlay();
  return (
    <>
      {tracks.length > 0 && (
        <Section title="Tracks">
          <TrackList
            label="Tracks found"
            entries={tracks.map((track) => ({ key: track.id, track }))}
            onPlay={(index) => play(tracks, index, `Search: ${query}`)}
          />
        </Section>
      )}
      {artists.length > 0 && (
        <Section title="Artists">
          <div className="card-grid">
            {artists.map((artist) => (
              <ArtistCard key={artist.id} artist={artist} />
            ))}
          </div>
        </Section>
      )}
      {albums.length > 0 && (
        <Section title="Albums">
          <div className="card-grid">
            {albums.map((album) => (
              <AlbumCard key={album.id} album={album} />
            ))}
          </div>
        </Section>
      )}
      {playlists.length > 0 && (
        <Section title="Playlists">
          <div className="card-grid">
            {playlists.map((playlist) => (
              <PlaylistCard key={playlist.id} playlist={playlist} />
            ))}
          </div>
        </Section>
      )}
    </>
  );
}

function useDebounced(value: string, delayMs: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), delayMs);
    return () => clearTimeout(timer);
  }, [value, delayMs]);
  return settled;
}
