import { defineConfig } from "vitest/config";

/** Apart from `make test`: what runs here is compiled by Go first, which takes half a minute. */
export default defineConfig({
  test: { include: ["conformance/src/**/*.test.ts"], hookTimeout: 300_000, testTimeout: 30_000 },
});
