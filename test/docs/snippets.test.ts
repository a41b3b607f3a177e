import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "@antiphon/mesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Block, type Page, pages } from "./markdown.ts";
import { atItsLine, openWorkshop, type Workshop } from "./workshop.ts";

// What a block of the README and of docs/ is, says the word behind its language:
//   file=PATH  a file that the reader makes; a main.ts is a service, which runs beside the snippets of its page
//   run        a program: it must end well and print what its comments say, "// prints: …"
// Blocks of the language `diff` are patches of the checkout. Nothing else may be TypeScript.
const guides = pages.filter(({ path }) => path === "README.md" || path.startsWith("docs/"));

interface Snippet {
  readonly page: Page;
  readonly block: Block;
  /** Its file in the workshop. */
  readonly file: string;
}

const snippets: readonly Snippet[] = guides.flatMap((page) =>
  page.blocks.map((block) => ({
    page,
    block,
    file: /^file=(.+)$/.exec(block.mark)?.[1] ?? `${page.path.replaceAll("/", "-")}-${block.line}.ts`,
  })),
);
const files = snippets.filter(({ block }) => block.mark.startsWith("file="));
const services = files.filter(({ file }) => file.endsWith("/main.ts"));
const programs = snippets.filter(({ block }) => block.language === "ts" && block.mark === "run");
const patches = snippets.filter(({ block }) => block.language === "diff");

/** The port that a snippet writes stands for the one that the service of its page has got. */
const WRITTEN_PORT = "127.0.0.1:4000";

let workshop: Workshop;
let typeErrors: Promise<string[]>;
const started = new Map<string, Running>();
beforeAll(async () => {
  workshop = openWorkshop(["services/catalog"]);
  for (const { file, block } of files) workshop.write(file, block.text);
  for (const { file, block } of programs) workshop.write(file, atItsLine(block));
  for (const { block } of patches) await workshop.patch(block.text);
  await workshop.generate(["proto/antiphon/greeter", "proto/antiphon/catalog"]);
  for (const { file } of services) start(file);
  typeErrors = workshop.typeErrors();
}, 60_000);
afterAll(() => {
  for (const { child } of started.values()) child.kill("SIGKILL");
  rmSync(workshop.dir, { recursive: true, force: true });
});

test("every TypeScript block says what it is", () => {
  const typeScript = snippets.filter(({ block }) => block.language === "ts");
  const unmarked = typeScript.filter((snippet) => !files.includes(snippet) && !programs.includes(snippet));
  expect(unmarked.map(({ page, block }) => `${page.path}:${block.line}`)).toEqual([]);
});

test.each(programs)("$file does what it says", { timeout: 60_000 }, async ({ page, block, file }) => {
  const service = services.find((candidate) => candidate.page === page);
  if (service) {
    const address = `127.0.0.1:${await portOf(started.get(service.file)!)}`;
    workshop.write(file, atItsLine(block).replaceAll(WRITTEN_PORT, address));
  }
  const { child, output } = start(file);
  const said = [...block.text.matchAll(/\/\/ prints: (.*\n)/g)].map((match) => match[1]).join("");
  expect({ ended: await once(child, "close"), output: output() }).toEqual({ ended: [0, null], output: said });
});

test.each(services)("$file ends when it is told to", { timeout: 60_000 }, async ({ file }) => {
  const service = started.get(file)!;
  await portOf(service);
  service.child.kill("SIGTERM");
  expect(await once(service.child, "close")).toEqual([0, null]);
});

test("snippets and patched files have no type errors", { timeout: 60_000 }, async () => {
  expect(await typeErrors).toEqual([]);
});

interface Running {
  readonly child: ChildProcess;
  output(): string;
}

/** Runs a file of the workshop with node, without a Consul to find. */
function start(file: string): Running {
  const env = { PATH: process.env.PATH, ANTIPHON_CONSUL_URL: "http://127.0.0.1:1" };
  const child = spawn(process.execPath, [join(workshop.dir, file)], { cwd: workshop.dir, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const running = { child, output: () => output };
  started.set(file, running);
  return running;
}

/** Resolves with the port of a service when it serves. */
function portOf({ output }: Running): Promise<string> {
  const port = () => /"port":(\d+).*"msg":"serving"/.exec(output())?.[1];
  return until(port, { timeoutMs: 30_000, what: "the service serves" });
}
