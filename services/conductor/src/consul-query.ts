import { keepRunning, type Logger } from "@antiphon/mesh";

export interface ConsulQuery {
  readonly consulUrl: string;
  /** Such as `/v1/catalog/services`. */
  readonly path: string;
  readonly log: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const WAIT_S = 30;
/** Consul adds up to a sixteenth to the wait; the rest is for the way. */
const TIMEOUT_MS = (WAIT_S + WAIT_S / 16 + 5) * 1000;
/** So that an instance that flaps makes no busy loop. */
const PAUSE_MS = 50;

/**
 * Follows one resource of Consul by blocking queries: `onAnswer` gets what it is now and at each change.
 * An `onAnswer` that throws, or a Consul that is away, is asked again later. Never rejects.
 */
export async function followConsul(query: ConsulQuery, onAnswer: (answer: unknown) => void): Promise<void> {
  const { consulUrl, path, log, signal } = query;
  let index = 0;
  await keepRunning({ what: `watching ${path}`, log, signal, pauseMs: PAUSE_MS }, async () => {
    const url = new URL(path, consulUrl);
    url.searchParams.set("index", String(index));
    url.searchParams.set("wait", `${WAIT_S}s`);
    const before = index;
    // Until the answer is taken in: after a failure the next one is to come at once, not at the next change.
    index = 0;
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
    if (!response.ok) throw new Error(`Consul answered ${response.status} to ${path}`);
    const answer: unknown = await response.json();
    const now = Number(response.headers.get("x-consul-index"));
    if (before === 0 || now !== before) onAnswer(answer);
    // One that went backwards belongs to a Consul that started over.
    index = now < before ? 0 : now;
  });
}
