import fc from "fast-check";

/** One change to some bytes; positions are shares of their length. */
type Mutation = (bytes: Buffer) => Buffer;

const share = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, where: number) => Math.floor(where * bytes.length);

/** What parsers trip over. */
const SNAGS = [
  "\r\n",
  "\r\n\r\n",
  "\0",
  ":",
  " ",
  "\r",
  "0\r\n\r\n",
  "ffffffff\r\n",
  "-1",
  "99999999999",
  "[",
  "%00",
  "é",
];

const flipped = fc.tuple(share, fc.integer({ min: 1, max: 255 })).map(
  ([where, mask]): Mutation =>
    (bytes) => {
      const changed = Buffer.from(bytes);
      const index = at(bytes, where);
      if (index < changed.length) changed[index]! ^= mask;
      return changed;
    },
);
const cut = fc.tuple(share, share).map(
  ([from, to]): Mutation =>
    (bytes) => {
      const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))];
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
    },
);
const repeated = fc.tuple(share, share, fc.integer({ min: 1, max: 50 })).map(
  ([from, to, times]): Mutation =>
    (bytes) => {
      const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))];
      const slice = bytes.subarray(start, Math.min(end, start + 2000));
      return Buffer.concat([
        bytes.subarray(0, end),
        ...Array<Buffer>(times).fill(slice),
        bytes.subarray(end),
      ]);
    },
);
const inserted = fc
  .tuple(
    share,
    fc.oneof(fc.constantFrom(...SNAGS).map(Buffer.from), fc.uint8Array({ maxLength: 40 }).map(Buffer.from)),
  )
  .map(
    ([where, added]): Mutation =>
      (bytes) => {
        const index = at(bytes, where);
        return Buffer.concat([bytes.subarray(0, index), added, bytes.subarray(index)]);
      },
  );

const mutation = fc.oneof(flipped, cut, repeated, inserted);

/** These bytes with up to four changes. */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(bytes, fc.array(mutation, { maxLength: 4 }))
    .map(([original, changes]) => changes.reduce((changed, change) => change(changed), original));
}

/** The same bytes in pieces. */
export function split(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer[]> {
  return fc.tuple(bytes, fc.array(share, { maxLength: 6 })).map(([whole, cuts]) => {
    const ends = [...cuts.map((where) => at(whole, where)), whole.length].sort((a, b) => a - b);
    return ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
  });
}
