import type { EndpointInfo } from "../discovery/discovery.ts";

/**
 * The endpoint that says what its service is: one of the newest version. Where instances of this version have
 * different contracts, the one taken already stays until its last instance has gone. Undefined where none
 * offers reflection.
 */
export function spokesman(
  endpoints: readonly EndpointInfo[],
  taken: string | undefined,
): (EndpointInfo & { readonly contract: string }) | undefined {
  const offering = endpoints.filter(
    (endpoint): endpoint is EndpointInfo & { contract: string } => endpoint.contract !== undefined,
  );
  const newest = offering.map(({ version }) => version).reduce(newer, "");
  const speaking = offering.filter(({ version }) => version === newest);
  const same = speaking.filter(({ contract }) => contract === taken);
  const candidates = same.length > 0 ? same : speaking;
  // Any of them: whoever asks again because one did not answer gets to another.
  return candidates[Math.floor(Math.random() * candidates.length)];
}

/** By number where there are numbers: 0.10.0 is newer than 0.9.0. */
function newer(a: string, b: string): string {
  return byNumber.compare(a, b) >= 0 ? a : b;
}

const byNumber = new Intl.Collator("en", { numeric: true });
