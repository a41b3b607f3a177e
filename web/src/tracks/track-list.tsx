import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useState } from "react";
import type { TrackAction } from "./track-menu.tsx";
import { TrackRow } from "./track-row.tsx";
import { useReorder } from "./use-reorder.ts";
import "./track-list.css";

/** A track's place in a list. */
export interface TrackEntry {
  /** Tells entries apart, also those of the same track. */
  readonly key: string;
  /** Absent where the catalog cannot say what it is. */
  readonly track: Track | undefined;
  readonly actions?: readonly TrackAction[];
}

interface TrackListProps {
  readonly entries: readonly TrackEntry[];
  readonly label: string;
  /** Plays the list from an entry on. */
  readonly onPlay: (index: number) => void;
  /** Given it, rows can be moved: dragged by their handle, by its arrow keys, or from their menu. */
  readonly onMove?: ((from: number, to: number) => void) | undefined;
  /** An album's rows show their number in place of a cover. */
  readonly album?: boolean;
  /** Takes the place of what follows from the playing track's id, where tracks may repeat. */
  readonly currentKey?: string | undefined;
}

/** Tracks, one a row. */
export function TrackList({ entries, label, onPlay, onMove, album = false, currentKey }: TrackListProps) {
  const [moved, setMoved] = useState("");
  const move = (from: number, to: number) => {
    onMove?.(from, to);
    setMoved(`${entries[from]?.track?.title ?? "The track"} is now number ${to + 1} of ${entries.length}.`);
  };
  const { list, drag, handle } = useReorder(entries.length, move);
  return (
    <>
      <ol ref={list} className={drag ? "track-list dragging" : "track-list"} aria-label={label}>
        {entries.map((entry, index) => (
          <TrackRow
            key={entry.key}
            track={entry.track}
            index={index}
            album={album}
            isCurrent={currentKey === undefined ? undefined : currentKey === entry.key}
            actions={[...moveActions(index, entries.length, onMove && move), ...(entry.actions ?? [])]}
            handle={onMove && handle(index)}
            dropMark={dropMark(drag, index)}
            lifted={drag?.from === index}
            onPlay={() => onPlay(index)}
          />
        ))}
      </ol>
      {onMove && (
        <p className="visually-hidden" role="status">
          {moved}
        </p>
      )}
    </>
  );
}

function moveActions(index: number, count: number, onMove: TrackListProps["onMove"]): TrackAction[] {
  if (!onMove) return [];
  return [
    { icon: "up", label: "Move up", disabled: index === 0, onSelect: () => onMove(index, index - 1) },
    {
      icon: "down",
      label: "Move down",
      disabled: index === count - 1,
      onSelect: () => onMove(index, index + 1),
    },
  ];
}

function dropMark(
  drag: { from: number; to: number } | undefined,
  index: number,
): "above" | "below" | undefined {
  if (!drag || drag.to !== index || drag.from === index) return undefined;
  return drag.to > drag.from ? "below" : "above";
}
