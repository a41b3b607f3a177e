/** One question to Consul that is answered when something changed. */
export interface BlockingQuery {
  /** With the path and parameters of the resource. */
  readonly address: URL;
  /** 0 asks for an answer now, else one is wanted when something changed after it. */
  readonly index: number;
  /** Consul answers without a change after it, and up to a sixteenth more. */
  readonly waitMs: number;
  /** How long the answer may take on top of that. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface BlockingAnswer {
  readonly index: string | null;
  /** Undefined where Consul has no such thing. */
  readonly body: string | undefined;
}

/** A service with 10,000 instances has 26 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Asks Consul. Rejects on an answer that is neither 200 nor 404, is too long, or comes too late. */
export async function blockingQuery(query: BlockingQuery): Promise<BlockingAnswer> {
  const { index, waitMs, timeoutMs, signal } = query;
  const address = new URL(query.address);
  if (index > 0) {
    address.searchParams.set("index", String(index));
    address.searchParams.set("wait", `${waitMs}ms`);
  }
  const limitMs = timeoutMs + (index > 0 ? Math.ceil(waitMs * (17 / 16)) : 0);
  const response = await fetch(address, {
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
  });
  const answer = { index: response.headers.get("x-consul-index") };
  if (response.status === 200) return { ...answer, body: await readText(response) };
  await response.body?.cancel();
  if (response.status === 404) return { ...answer, body: undefined };
  throw new Error(`Consul answered with HTTP ${response.status}`);
}

/** Reads the header `X-Consul-Index`. Throws where it is none of Consul's. */
export function parseIndex(index: string | null): number {
  if (index === null || !/^\d{1,20}$/.test(index)) throw new Error("Consul answered without an index");
  return Number(index);
}

/**
 * The index for the next query, by Consul's rules: one that went backwards means that the source was
 * reset, so ask afresh; never 0 otherwise, which would not block.
 */
export function nextIndex(previous: number, answered: number): number {
  return answered < previous ? 0 : Math.max(1, answered);
}

/** Reads a body of Consul's. Throws where it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("Consul answered with something that is not JSON");
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`Consul answered with more than ${MAX_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
