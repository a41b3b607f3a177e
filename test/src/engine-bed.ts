import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { bundle } from "../../web/testing/bundle.ts";
import { sendFile } from "../../web/testing/send-file.ts";

/** The engine in a page of its own, and a folder of files for it to play: no gateway, no services. */
export interface EngineBed {
  /** What is put here is served from `/`. */
  readonly folder: string;
  /** Opens the page of an entry file; `body` is its HTML. */
  open(entry: URL, body?: string): Promise<Page>;
  close(): Promise<void>;
}

export async function openEngineBed(browser: Browser): Promise<EngineBed> {
  const folder = await mkdtemp(join(tmpdir(), "antiphon-engine-"));
  const server = createServer((asked, answer) => {
    sendFile(join(folder, asked.url ?? ""), asked, answer).catch(() => answer.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    folder,
    async open(entry, body = "") {
      const script = '<script type="module" src="page.js"></script>';
      await writeFile(join(folder, "page.js"), await bundle(entry.pathname));
      await writeFile(join(folder, "index.html"), `<!doctype html>${body}${script}`);
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`);
      return page;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
