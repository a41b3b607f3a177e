/**
 * Music that is known at every moment, at any sample rate: sixty tones whose sum never repeats, so that
 * a recording of any stretch fits in one place only.
 */
const TONES = Array.from({ length: 60 }, (_, i) => ({
  hz: 150 + 70 * i + 37 * Math.sin(i * 12.9898),
  phase: (i * 2.399) % (2 * Math.PI),
}));
const AMPLITUDE = 0.05;

/** `count` samples from `startS` seconds on. */
export function knownMusic(startS: number, count: number, sampleRateHz: number): Float32Array {
  const samples = new Float32Array(count);
  for (const { hz, phase } of TONES) {
    const step = (2 * Math.PI * hz) / sampleRateHz;
    const start = 2 * Math.PI * hz * startS + phase;
    for (let n = 0; n < count; n++) samples[n]! += AMPLITUDE * Math.sin(start + step * n);
  }
  return samples;
}

/** Samples as a mono WAV file of 16 bits. */
export function wav(samples: Float32Array, sampleRateHz: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.length * 2, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRateHz, 24);
  header.writeUInt32LE(sampleRateHz * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.length * 2, 40);
  const body = Int16Array.from(samples, (sample) => Math.round(sample * 32_767));
  return Buffer.concat([header, Buffer.from(body.buffer)]);
}

/** How alike two stretches are, from −1 to 1: their normalised cross-correlation. */
function likeness(a: Float32Array, aFrom: number, b: Float32Array, bFrom: number, length: number): number {
  let [product, aPower, bPower] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const [x, y] = [a[aFrom + i] ?? 0, b[bFrom + i] ?? 0];
    product += x * y;
    aPower += x * x;
    bPower += y * y;
  }
  return product / Math.sqrt(aPower * bPower + 1e-12);
}

/**
 * Where in `whole` the stretch of `recording` comes from, as an offset to be added to `from`; the best of
 * those from `low` to `high`.
 */
export function lagOf(
  recording: Float32Array,
  whole: Float32Array,
  { from, length, low, high }: { from: number; length: number; low: number; high: number },
): { lag: number; likeness: number } {
  let best = { lag: low, likeness: -1 };
  for (let lag = low; lag <= high; lag++) {
    const alike = likeness(recording, from, whole, from + lag, length);
    if (alike > best.likeness) best = { lag, likeness: alike };
  }
  return best;
}
