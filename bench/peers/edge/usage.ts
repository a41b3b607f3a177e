/** What a process has used so far. */
export interface Usage {
  readonly rssBytes: number;
  readonly cpuMs: number;
}

export function usageOfThis(): Usage {
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000 };
}
