/** Colours of a made-up cover: the ground, the call, the response. */
export interface Palette {
  readonly ground: string;
  readonly call: string;
  readonly response: string;
}

const palettes: readonly Palette[] = [
  { ground: "#2a2140", call: "#ff9e6d", response: "#7fd0c6" },
  { ground: "#173a3a", call: "#f4d58d", response: "#6fb7a8" },
  { ground: "#3b1f2b", call: "#f6a6a1", response: "#c9ada7" },
  { ground: "#1b2a4a", call: "#f2c14e", response: "#8fb8ff" },
  { ground: "#e9dcc9", call: "#c8553d", response: "#2f5d62" },
  { ground: "#26382b", call: "#e8b86d", response: "#a3c9a8" },
  { ground: "#402218", call: "#ffb385", response: "#e0e1c0" },
  { ground: "#d8dfe8", call: "#3d4e81", response: "#c86b85" },
];

/** How many motifs there are. */
export const MOTIFS = 5;

/** FNV-1a: the same text gives the same number, always. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/** What a cover without a picture looks like: an album gives the colours, a track its motif. */
export function coverDesign(
  albumKey: string,
  trackKey: string,
): { palette: Palette; motif: number; turn: number } {
  const variant = hash(trackKey || albumKey);
  return {
    palette: palettes[hash(albumKey) % palettes.length] as Palette,
    motif: variant % MOTIFS,
    turn: ((variant >>> 8) % 4) * 90,
  };
}
