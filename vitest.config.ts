import { defineConfig } from "vitest/config";

/** Three layers: pure domain and mesh, one service on real stores, the whole system. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{mesh,services,gateway,deploy,bench,web}/**/*.test.ts", "test/docs/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.stores.test.ts"],
        },
      },
      {
        test: {
          name: "stores",
          include: ["{mesh,services,gateway,deploy,bench}/**/*.stores.test.ts"],
          exclude: ["**/node_modules/**"],
          globalSetup: ["./test/src/backing-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/system/*.test.ts"],
          exclude: ["**/node_modules/**"],
          globalSetup: ["./test/src/system-setup.ts"],
          // One system for all files: they share a worker, and its modules.
          fileParallelism: false,
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
