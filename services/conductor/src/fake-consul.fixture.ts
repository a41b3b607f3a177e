import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Consul's two resources that the conductor reads, with blocking queries, under the test's control. */
export class FakeConsul {
  readonly asked: string[] = [];
  readonly #resources = new Map<string, { index: number; body: unknown }>();
  readonly #blocked = new Map<ServerResponse, string>();
  readonly #server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://consul");
    this.asked.push(`${pathname}?index=${searchParams.get("index")}`);
    response.on("close", () => this.#blocked.delete(response));
    if (searchParams.get("index") === String(this.#resources.get(pathname)?.index)) {
      this.#blocked.set(response, pathname);
    } else this.#answer(response, pathname);
  });
  #port = 0;

  /** On the same port after a `stop`. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Registers these instances, by service, in place of all others. */
  set(services: Readonly<Record<string, readonly string[]>>, index: number): void {
    this.#resources.clear();
    const names = Object.fromEntries(Object.keys(services).map((name) => [name, []]));
    this.#resources.set("/v1/catalog/services", { index, body: { consul: [], ...names } });
    this.#resources.set("/v1/health/service/consul", { index, body: [] });
    for (const [name, ids] of Object.entries(services))
      this.#resources.set(`/v1/health/service/${name}`, { index, body: ids.map((id) => entryOf(name, id)) });
    for (const [response, path] of this.#blocked) this.#answer(response, path);
  }

  #answer(response: ServerResponse, path: string): void {
    this.#blocked.delete(response);
    const { index, body } = this.#resources.get(path) ?? { index: 1, body: [] };
    response.writeHead(200, { "content-type": "application/json", "x-consul-index": String(index) });
    response.end(JSON.stringify(body));
  }
}

function entryOf(service: string, id: string) {
  return {
    Node: { Address: "127.0.0.1" },
    Service: { ID: id, Service: service, Address: "", Port: 1, Meta: { admin_port: "2" } },
    Checks: [{ Status: "passing", Output: "ok" }],
  };
}
