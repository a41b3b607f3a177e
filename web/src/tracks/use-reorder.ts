import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";

/** A drag under way: the row at `from` would land at `to`. */
export interface Drag {
  readonly from: number;
  readonly to: number;
}

const SCROLL_EDGE_PX = 72;
const SCROLL_STEP_PX = 14;

/**
 * Lets rows be dragged by a handle, with a mouse, a finger or a pen, and moved by the arrow keys while
 * the handle has the focus. Rows are children of one list; `onMove` is called once, at the drop.
 */
export function useReorder(count: number, onMove: (from: number, to: number) => void) {
  const [drag, setDrag] = useState<Drag>();
  const list = useRef<HTMLOListElement>(null);

  const placeAt = (y: number): number => {
    const rows = [...(list.current?.children ?? [])];
    const below = rows.findIndex((row) => {
      const { top, height } = row.getBoundingClientRect();
      return y < top + height;
    });
    return below === -1 ? count - 1 : below;
  };

  const handle = (index: number) => ({
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.button !== 0) return;
      event.preventDefault();
      event.currentTarget.focus();
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ from: index, to: index });
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      if (drag?.from !== index) return;
      scrollAtEdge(event.currentTarget, event.clientY);
      setDrag({ from: index, to: placeAt(event.clientY) });
    },
    onPointerUp: () => {
      if (drag && drag.from !== drag.to) onMove(drag.from, drag.to);
      setDrag(undefined);
    },
    onPointerCancel: () => setDrag(undefined),
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      if (event.key === "Escape") setDrag(undefined);
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const to = index + step;
      if (to < 0 || to >= count) return;
      onMove(index, to);
    },
  });
  return { list, drag, handle };
}

function scrollAtEdge(element: HTMLElement, y: number): void {
  const scroller = element.closest("main");
  if (!scroller) return;
  const { top, bottom } = scroller.getBoundingClientRect();
  if (y < top + SCROLL_EDGE_PX) scroller.scrollBy(0, -SCROLL_STEP_PX);
  if (y > bottom - SCROLL_EDGE_PX) scroller.scrollBy(0, SCROLL_STEP_PX);
}
