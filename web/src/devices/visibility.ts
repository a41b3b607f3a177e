// Over HTTP/1.1 a browser has six connections to an origin, for all of its tabs together: a page that nobody
// sees and that plays nothing keeps none of them open.

/** Resolves when the stream is wanted. Rejects when the signal aborts. */
export function whenSeen(isWanted: () => boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = () => {
      if (signal.aborted) reject(signal.reason);
      else if (isWanted()) resolve();
      else return;
      document.removeEventListener("visibilitychange", check);
      signal.removeEventListener("abort", check);
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
    check();
  });
}

/** Aborts when the page is hidden and its stream not wanted. */
export function untilHidden(isWanted: () => boolean): AbortSignal {
  const hidden = new AbortController();
  const check = () => {
    if (isWanted()) return;
    document.removeEventListener("visibilitychange", check);
    hidden.abort();
  };
  document.addEventListener("visibilitychange", check);
  return hidden.signal;
}
