import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { freePort, isPortFree, PortBlock } from "./ports.ts";

const shape = z.object({ base: z.int(), ports: z.record(z.string(), z.int()) });
type Page = z.infer<typeof shape>;

/**
 * Gives the same port to the same name in the next run: a process that came back is the same one to
 * Prometheus, and bookmarks stay good. Where something else took a port, or the block, it gives others.
 */
export class PortBook {
  readonly #path: string;
  readonly #block: PortBlock;
  readonly #ports: Map<string, number>;
  readonly #given = new Map<string, Promise<number>>();

  private constructor(path: string, block: PortBlock, ports: Record<string, number>) {
    this.#path = path;
    this.#block = block;
    this.#ports = new Map(Object.entries(ports));
  }

  /** A file that is absent or makes no sense counts as empty. */
  static async open(path: string): Promise<PortBook> {
    const page = read(path);
    const block = await PortBlock.claim(page?.base);
    return new PortBook(path, block, page?.base === block.base ? page.ports : {});
  }

  /** The same each time it is asked, be the port in use by then. */
  portFor(name: string): Promise<number> {
    const given = this.#given.get(name) ?? this.#choose(name);
    this.#given.set(name, given);
    return given;
  }

  /** Lets another book have the block. */
  close(): void {
    this.#block.release();
  }

  async #choose(name: string): Promise<number> {
    const known = this.#ports.get(name);
    if (known !== undefined && (await isPortFree(known))) return known;
    let port = await this.#block.take();
    while (port !== undefined && [...this.#ports.values()].includes(port)) port = await this.#block.take();
    if (port === undefined) return await freePort();
    this.#ports.set(name, port);
    const page: Page = { base: this.#block.base, ports: Object.fromEntries(this.#ports) };
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, `${JSON.stringify(page, undefined, 2)}\n`);
    return port;
  }
}

function read(path: string): Page | undefined {
  try {
    return shape.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}
