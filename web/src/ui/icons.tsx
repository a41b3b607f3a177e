/** Shapes on a 24 × 24 grid, drawn as strokes; those in `solid` are filled. */
const shapes = {
  home: "M4 10.5 12 4l8 6.5V20h-5.5v-5.5h-5V20H4z",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5 20 20",
  playlist: "M4 6h12M4 11h12M4 16h7M18 10v8.5M18 10l3-1M18 18.5a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  heart: "M12 20S4 15 4 9.3A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.3C20 15 12 20 12 20z",
  heartFull: "M12 20S4 15 4 9.3A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.3C20 15 12 20 12 20z",
  queue: "M4 6h16M4 11h16M4 16h9M17 14.5v5l4-2.5z",
  devices: "M3.5 6h11v9h-11zM6 18.5h6M16.5 9h4v10h-4z",
  play: "M7 4.5v15l12.5-7.5z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z",
  next: "M5 5v14l10.5-7zM16.5 5h2.5v14h-2.5z",
  previous: "M19 5v14L8.5 12zM5 5h2.5v14H5z",
  shuffle:
    "M3 7h3.5l9 10H20M3 17h3.5l3-3.3M12.5 10.3 15.5 7H20M17.5 4.5 20 7l-2.5 2.5M17.5 14.5 20 17l-2.5 2.5",
  repeat: "M7 7h10a3 3 0 0 1 3 3v1.5M17 17H7a3 3 0 0 1-3-3v-1.5M9.5 4.5 7 7l2.5 2.5M14.5 14.5 17 17l-2.5 2.5",
  volume: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  muted: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  grip: "M9 6.5h.01M15 6.5h.01M9 12h.01M15 12h.01M9 17.5h.01M15 17.5h.01",
  plus: "M12 5v14M5 12h14",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v5.5M13.5 10.5v5.5",
  pencil: "M4.5 19.5 5.5 15 15.5 5l3.5 3.5-10 10zM13.5 7l3.5 3.5",
  history: "M4.5 12a7.5 7.5 0 1 1 2.2 5.3M4.5 12l-2-2M4.5 12l2.2-1.8M12 8v4.5l3 1.8",
  mesh: "M12 4.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zM6 16.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zM18 16.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zM11.2 7.3 6.8 16.7M12.8 7.3l4.4 9.4M7.5 18h9",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  back: "M14.5 5.5 8 12l6.5 6.5",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17.5 19.5 7",
  album: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 10.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z",
  person: "M12 4.5a3.7 3.7 0 1 1 0 7.4 3.7 3.7 0 0 1 0-7.4zM5 20a7 7 0 0 1 14 0",
  signOut: "M14 5H6v14h8M11 12h9.5M17 8.5l3.5 3.5-3.5 3.5",
} as const;

/** The names of the icons. */
export type IconName = keyof typeof shapes;

/** Drawn as dots: ends of strokes without a length. */
const dotted = new Set<IconName>(["more", "grip"]);
const solid = new Set<IconName>(["heartFull", "play", "pause", "next", "previous"]);

function className(name: IconName): string {
  if (solid.has(name)) return "icon solid";
  return dotted.has(name) ? "icon dotted" : "icon";
}

/** An icon, for the eye only: what it stands for is said by the label of what it is in. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={className(name)} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}
