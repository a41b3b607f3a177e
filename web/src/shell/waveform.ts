/** The part of the height that silence has, so that the line does not break. */
const LEAST = 0.04;

/**
 * A CSS shape of the music, mirrored at the middle: the loudest part is as high as the box, however loud that
 * is. `peaks` are those of equal parts, 0 to 255. Undefined where there are fewer than two.
 */
export function waveformShape(peaks: Uint8Array | undefined): string | undefined {
  if (!peaks || peaks.length < 2) return undefined;
  const loudest = Math.max(1, ...peaks);
  const points = [...peaks].map((peak, index) => ({
    x: (index / (peaks.length - 1)) * 100,
    reach: Math.max(LEAST, peak / loudest) * 50,
  }));
  const above = points.map(({ x, reach }) => point(x, 50 - reach));
  const below = points.map(({ x, reach }) => point(x, 50 + reach)).reverse();
  return `polygon(${[...above, ...below].join(", ")})`;
}

function point(x: number, y: number): string {
  return `${Number(x.toFixed(2))}% ${Number(y.toFixed(2))}%`;
}
