import { CatalogService, type LyricsLine } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useQuery } from "@connectrpc/connect-query";
import { type KeyboardEvent, useCallback, useEffect, useRef } from "react";
import { useAtPosition, usePlayer } from "../playback/player-context.tsx";
import { describeError, isNotFound } from "../rpc/errors.ts";
import { Section } from "../ui/section.tsx";
import { lineAt, tabStop } from "./lyric-lines.ts";
import "./lyrics.css";

/** The words of the track that plays: those that say when they are sung follow the music. */
export function Lyrics({ trackId }: { trackId: string }) {
  const { data, error } = useQuery(CatalogService.method.getLyrics, { trackId });
  if (!data && !error) return null;
  if (!data) {
    return (
      <p className="quiet">
        {isNotFound(error) ? "There are no lyrics for this song." : `No lyrics: ${describeError(error)}`}
      </p>
    );
  }
  return (
    <Section title="Lyrics" className="lyrics">
      {data.synced ? (
        <SyncedLines key={trackId} lines={data.lines} />
      ) : (
        <details>
          <summary>All the words</summary>
          <p className="lyrics-text">{data.lines.map(({ text }) => text).join("\n")}</p>
        </details>
      )}
    </Section>
  );
}

function SyncedLines({ lines }: { lines: readonly LyricsLine[] }) {
  const player = usePlayer();
  const { value: current, refresh } = useAtPosition(useCallback((ms: number) => lineAt(lines, ms), [lines]));
  const list = useFollowed(current);
  const stop = tabStop(lines, current);
  const playFrom = (startMs: number) => {
    player.seek(startMs);
    refresh();
  };
  return (
    <ol ref={list} className="lyrics-lines" data-testid="lyrics">
      {lines.map(({ startMs, text }, index) => {
        const isCurrent = index === current;
        const key = `${index} ${startMs}`;
        if (text === "")
          return <li key={key} className="lyrics-pause" data-current={isCurrent} aria-hidden />;
        return (
          <li key={key} data-current={isCurrent}>
            <button
              type="button"
              aria-current={isCurrent}
              tabIndex={index === stop ? 0 : -1}
              onClick={() => playFrom(startMs)}
              onKeyDown={moveFocus}
            >
              {text}
            </button>
          </li>
        );
      })}
    </ol>
  );
}

/** Keeps the current line in the middle of its list, unless the keyboard is at work in there. */
function useFollowed(current: number) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const box = list.current;
    const line = box?.children[current];
    if (!box || !(line instanceof HTMLElement) || box.querySelector(":focus-visible")) return;
    box.scrollTo({ top: line.offsetTop - (box.clientHeight - line.offsetHeight) / 2 });
  }, [current]);
  return list;
}

function moveFocus(event: KeyboardEvent<HTMLButtonElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const lines = [...(event.currentTarget.closest("ol")?.querySelectorAll("button") ?? [])];
  lines[lines.indexOf(event.currentTarget) + step]?.focus();
}
