import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import type { AdminHandler } from "../service-deps.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Readiness } from "./readiness.ts";

export interface AdminServerOptions {
  readonly metrics: Registry;
  readonly readiness: Readiness;
  readonly log: Logger;
  /** What `/debug/mesh` shows. */
  readonly debug: () => unknown;
}

/**
 * The plain HTTP port for machines and operators: `/metrics`, `/healthz` (the process lives),
 * `/readyz` (it should get calls; 503 with the reasons otherwise), `/debug/mesh`, and routes that
 * services add.
 */
export class AdminServer {
  readonly #routes = new Map<string, AdminHandler>();
  readonly #log: Logger;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor({ metrics, readiness, log, debug }: AdminServerOptions) {
    this.#log = log;
    this.route("/healthz", (_request, response) => send(response, 200, "text/plain", "ok\n"));
    this.route("/readyz", async (_request, response) => {
      const report = await readiness.report();
      sendJson(response, report.ready ? 200 : 503, report);
    });
    this.route("/metrics", async (_request, response) => {
      send(response, 200, metrics.contentType, await metrics.metrics());
    });
    this.route("/debug/mesh", (_request, response) => sendJson(response, 200, debug()));
  }

  route(path: string, handler: AdminHandler): void {
    this.#routes.set(path, handler);
  }

  /** Resolves with the port; rejects where it cannot be bound. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/"] = (request.url ?? "/").split("?");
    try {
      const handler = this.#routes.get(path);
      if (handler) await handler(request, response);
      else sendJson(response, 404, { error: `no ${path} here`, routes: [...this.#routes.keys()] });
    } catch (err) {
      this.#log.error({ err, path }, "admin request failed");
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: "internal error" });
    }
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const bigintAsText = (_key: string, field: unknown) => (typeof field === "bigint" ? String(field) : field);
  send(response, status, "application/json", `${JSON.stringify(value, bigintAsText, 2)}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
}
