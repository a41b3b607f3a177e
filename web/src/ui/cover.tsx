import { useState } from "react";
import { coverDesign, type Palette } from "./cover-art.ts";
import { coverSizes, coverUrl } from "./cover-url.ts";
import "./cover.css";

interface CoverProps {
  /** Of the media route; empty where there is none. */
  readonly coverId: string;
  /** What a made-up cover takes its colours from: an album's or a playlist's id. */
  readonly albumKey: string;
  /** What it takes its motif from: a track's id. */
  readonly trackKey?: string;
  /** How wide it is laid out, CSS pixels: which of its sizes is loaded. Default: a card's. */
  readonly width?: number;
  readonly eager?: boolean;
}

const CARD_WIDTH = 200;

/** A cover, or where there is no picture a made-up one. Decoration: the text beside it says what it is of. */
export function Cover({ coverId, albumKey, trackKey = "", width = CARD_WIDTH, eager = false }: CoverProps) {
  const [broken, setBroken] = useState("");
  if (!coverId || broken === coverId) return <MadeUpCover albumKey={albumKey} trackKey={trackKey} />;
  return (
    <img
      className="cover"
      src={coverUrl(coverId)}
      srcSet={coverSizes(coverId)}
      sizes={`${width}px`}
      alt=""
      width={320}
      height={320}
      loading={eager ? "eager" : "lazy"}
      decoding="async"
      draggable={false}
      onError={() => setBroken(coverId)}
    />
  );
}

/** The covers of a playlist's first tracks, four in a square. */
export function PlaylistCover({ coverIds, playlistId }: { coverIds: readonly string[]; playlistId: string }) {
  if (coverIds.length < 4) return <Cover coverId={coverIds[0] ?? ""} albumKey={playlistId} />;
  return (
    <span className="cover mosaic">
      {coverIds.slice(0, 4).map((coverId) => (
        <Cover key={coverId} coverId={coverId} albumKey={coverId} width={CARD_WIDTH / 2} />
      ))}
    </span>
  );
}

function MadeUpCover({ albumKey, trackKey }: { albumKey: string; trackKey: string }) {
  const { palette, motif, turn } = coverDesign(albumKey, trackKey);
  const Motif = motifs[motif] ?? HalfDiscs;
  return (
    <svg className="cover" viewBox="0 0 100 100" aria-hidden="true" focusable="false">
      <rect width="100" height="100" fill={palette.ground} />
      <g transform={`rotate(${turn} 50 50)`}>
        <Motif {...palette} />
      </g>
    </svg>
  );
}

const motifs = [HalfDiscs, Rings, Voices, Echo, Tiles];

function HalfDiscs({ call, response }: Palette) {
  return (
    <>
      <path d="M49 14a29 29 0 0 0 0 58z" fill={call} />
      <path d="M51 28a29 29 0 0 1 0 58z" fill={response} />
    </>
  );
}

function Rings({ call, response }: Palette) {
  return (
    <g fill="none" strokeWidth="4">
      {[10, 20, 30, 40].map((r) => (
        <g key={r}>
          <path d={`M49 ${44 - r}a${r} ${r} 0 0 0 0 ${2 * r}`} stroke={call} />
          <path d={`M51 ${56 - r}a${r} ${r} 0 0 1 0 ${2 * r}`} stroke={response} />
        </g>
      ))}
    </g>
  );
}

function Voices({ call, response }: Palette) {
  const heights = [22, 38, 54, 34, 18];
  return (
    <>
      {heights.map((height, i) => (
        <g key={height}>
          <rect x={14 + i * 8} y={40 - height / 2} width="4.5" height={height} rx="2.2" fill={call} />
          <rect x={50 + i * 8} y={60 - height / 2} width="4.5" height={height} rx="2.2" fill={response} />
        </g>
      ))}
    </>
  );
}

function Echo({ call, response }: Palette) {
  return (
    <>
      <circle cx="36" cy="42" r="22" fill={call} />
      <g fill="none" stroke={response} strokeWidth="3">
        <circle cx="62" cy="58" r="22" />
        <circle cx="62" cy="58" r="14" />
        <circle cx="62" cy="58" r="6" />
      </g>
    </>
  );
}

function Tiles({ call, response }: Palette) {
  return (
    <>
      <path d="M0 0h50a50 50 0 0 1-50 50z" fill={call} />
      <path d="M100 100H50a50 50 0 0 1 50-50z" fill={response} />
      <path d="M50 50h25a25 25 0 0 1-25 25z" fill={call} />
      <path d="M50 50H25a25 25 0 0 1 25-25z" fill={response} />
    </>
  );
}
