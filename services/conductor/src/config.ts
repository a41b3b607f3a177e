import { defineConfig } from "@antiphon/mesh";

/** The conductor has no settings of its own: it watches the mesh's Consul. */
export const loadConfig = defineConfig({});

export type Config = ReturnType<typeof loadConfig>;
