/** In a server process: tells the port, and its CPU time so far in microseconds whenever asked. */
export function serveUsage(port: number): void {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.send?.(port);
}
