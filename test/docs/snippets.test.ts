import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "@antiphon/mesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Page, pages } from "./markdown.ts";
import { atItsLine, openWorkshop, type Workshop } from "./workshop.ts";

// What a block of the README and of docs/ is, says the word behind its language:
//   file=PATH  a file that the reader makes; a main.ts is a service, which runs beside the snippets of its page
//   run        a program: it must end well and print what its comments say, "// prints: …"
// Blocks of the language `diff` are patches of the checkout. Nothing else may be TypeScript.
const guides = pages.filter(({ path }) => path === "README.md" || path.startsWith("docs/"));

const blocksOf = (page: Page, language: string) => page.blocks.filter((block) => block.language === language);
const filesIn = (page: Page) => page.blocks.filter(({ mark }) => mark.startsWith("file="));
const programs = guides.flatMap((page) =>
  blocksOf(page, "ts")
    .filter(({ mark }) => mark === "run")
    .map((block) => ({ page, block, name: `${page.path}-${block.line}.ts`.replaceAll("/", "-") })),
);
const services = guides.flatMap((page) =>
  filesIn(page)
    .filter(({ mark }) => mark.endsWith("/main.ts"))
    .map((block) => ({ page, block })),
);

/** The port that a snippet writes stands for the one its service has got. */
const WRITTEN_PORT = "127.0.0.1:4000";

let workshop: Workshop;
const running: ChildProcess[] = [];
beforeAll(async () => {
  workshop = openWorkshop(["services/catalog"]);
  for (const page of guides) {
    for (const block of filesIn(page)) workshop.write(block.mark.slice("file=".length), block.text);
    for (const block of blocksOf(page, "diff")) await workshop.patch(block.text);
  }
  for (const { block, name } of programs) workshop.write(name, atItsLine(block));
  await workshop.generate(["proto/antiphon/greeter", "proto/antiphon/catalog"]);
}, 60_000);
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(workshop.dir, { recursive: true, force: true });
});

test("every TypeScript block says what it is", () => {
  const unmarked = guides.flatMap((page) =>
    blocksOf(page, "ts")
      .filter(({ mark }) => mark !== "run" && !mark.startsWith("file="))
      .map(({ line }) => `${page.path}:${line}`),
  );
  expect(unmarked).toEqual([]);
});

test("the snippets and the patched files have no type errors", { timeout: 60_000 }, async () => {
  expect(await workshop.typeErrors()).toEqual([]);
});

describe.each(services)("$page.path: $block.mark", ({ page, block }) => {
  let service: Running;
  beforeAll(async () => {
    service = start(block.mark.slice("file=".length));
    await until(() => service.output().includes('"msg":"serving"'), { timeoutMs: 20_000, what: "serving" });
  }, 30_000);

  test.each(programs.filter((program) => program.page === page))(
    "$name",
    async ({ block: program, name }) => {
      const port = /"port":(\d+)/.exec(service.output())![1];
      workshop.write(name, atItsLine(program).replaceAll(WRITTEN_PORT, `127.0.0.1:${port}`));
      const { child, output } = start(name);
      expect({ ended: await once(child, "close"), output: output() }).toEqual({
        ended: [0, null],
        output: [...program.text.matchAll(/\/\/ prints: (.*\n)/g)].map((match) => match[1]).join(""),
      });
    },
    30_000,
  );

  test("ends when it is told to", async () => {
    service.child.kill("SIGTERM");
    expect(await once(service.child, "close")).toEqual([0, null]);
  }, 30_000);
});

interface Running {
  readonly child: ChildProcess;
  output(): string;
}

/** Runs a file of the workshop with node, without a Consul to find. */
function start(file: string): Running {
  const env = { PATH: process.env.PATH, ANTIPHON_CONSUL_URL: "http://127.0.0.1:1" };
  const child = spawn(process.execPath, [join(workshop.dir, file)], { cwd: workshop.dir, env });
  running.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return { child, output: () => output };
}
