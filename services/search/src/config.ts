import { defineConfig } from "@antiphon/mesh";

/** Search has no settings of its own: its index is in memory. */
export const loadConfig = defineConfig({});
