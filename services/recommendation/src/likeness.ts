/** What a track has in common with a seed by its tags: three points for the album, two for the artist, one for genres. */
export interface Likeness {
  readonly seedId: string;
  readonly trackId: string;
  readonly points: number;
}

/** The tracks that have most in common with the seeds first: what to offer before anybody's taste is known. */
export function rankAlike(likenesses: readonly Likeness[]): string[] {
  const points = new Map<string, number>();
  for (const { trackId, points: more } of likenesses) points.set(trackId, (points.get(trackId) ?? 0) + more);
  return [...points].sort(([idA, a], [idB, b]) => b - a || (idA < idB ? -1 : 1)).map(([trackId]) => trackId);
}
