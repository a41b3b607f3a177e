// A service of a test's own process: ANTIPHON_TEST says what it does wrong.
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { z } from "zod";
import { echoService } from "../testing/echo.ts";
import { defineConfig } from "./config.ts";
import { runService } from "./run-service.ts";
import { serve } from "./server/served.ts";

const loadConfig = defineConfig({
  databaseUrl: ["ANTIPHON_DATABASE_URL", z.url()],
  test: ["ANTIPHON_TEST", z.string().default("")],
});

await runService({
  name: "echo",
  config: loadConfig,
  build(deps, { test }) {
    if (test === "cannot build") throw new Error("the index folder is not writable");
    if (test === "never built") return new Promise(() => {});
    if (test === "never stops") deps.onStop("stuck", () => new Promise(() => {}));
    deps.admin("/mistake", (_request, response) => {
      void Promise.reject(new Error("nobody handled this"));
      setImmediate(() => {
        response.end();
        throw new Error("nor this");
      });
    });
    return [serve(EchoService, echoService(deps.instanceId))];
  },
});
