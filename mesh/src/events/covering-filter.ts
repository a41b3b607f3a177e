/**
 * The narrowest single filter that lets the subjects of all these filters through, `evt.playlist.>` for two types
 * of one domain. It may let through others, which a reader passes over.
 * A consumer with a list of filters makes NATS 2.10 read a block of the stream, up to 8 MB, from its disk for each
 * message that is older than some seconds: `firstMatchingMulti` gives back what it has just loaded (mended in 2.11).
 */
export function coveringFilter(filters: readonly string[]): string {
  const [first = [], ...others] = filters.map((filter) => filter.split("."));
  const differs = first.findIndex((token, i) => others.some((other) => other[i] !== token));
  return differs === -1 ? first.join(".") : [...first.slice(0, differs), ">"].join(".");
}
