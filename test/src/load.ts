/** What a load did. */
export interface LoadReport {
  readonly calls: number;
  /** The messages of calls that failed. */
  readonly failures: readonly string[];
}

export interface Load {
  /** Sends no more calls and waits for those in flight. */
  stop(): Promise<LoadReport>;
  /** How many have been sent so far. */
  readonly sent: number;
}

/** Sends calls at a steady rate whether or not earlier ones were answered, as independent users would. */
export function startLoad(callsPerSecond: number, call: () => Promise<unknown>): Load {
  const failures: string[] = [];
  const inFlight = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * callsPerSecond);
    for (; sent < due; sent++) {
      const done = call().then(
        () => {},
        (error: unknown) => {
          failures.push(error instanceof Error ? error.message : String(error));
        },
      );
      inFlight.add(done);
      void done.then(() => inFlight.delete(done));
    }
  }, 5);
  return {
    get sent() {
      return sent;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(inFlight);
      return { calls: sent, failures };
    },
  };
}
