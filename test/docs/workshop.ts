import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { emitValidateProto } from "../../proto/emit-validate-proto.ts";
import { type Block, root } from "./markdown.ts";

const run = promisify(execFile);
const bin = (name: string) => join(root, "node_modules", ".bin", name);

/** A folder in which a page's snippets are what the reader would have made of them. */
export interface Workshop {
  readonly dir: string;
  /** Writes a file of the page into it. */
  write(path: string, text: string): void;
  /** Applies a page's patch to its copies of the files; rejects where one does not fit. */
  patch(text: string): Promise<void>;
  /** Generates the code of these contracts. */
  generate(contracts: readonly string[]): Promise<void>;
  /** What the compiler says of the files in it; those of the checkout are not its business. */
  typeErrors(): Promise<string[]>;
}

/**
 * Opens a workshop inside the checkout, so that imports resolve as they do there; only the generated code
 * is its own. `copies` are folders of the checkout that patches change.
 */
export function openWorkshop(copies: readonly string[]): Workshop {
  mkdirSync(join(root, ".antiphon"), { recursive: true });
  const dir = mkdtempSync(join(root, ".antiphon", "docs-"));
  const generated = join(dir, "node_modules", "@antiphon", "proto");
  cpSync(join(root, "proto", "package.json"), join(generated, "package.json"));
  cpSync(join(root, "proto", "gen"), join(generated, "gen"), { recursive: true });
  for (const folder of ["proto/antiphon", ...copies]) {
    cpSync(join(root, folder), join(dir, folder), { recursive: true });
  }
  // A package of its own, or the checkout's would be found first.
  symlinkSync("../node_modules/@antiphon/proto/gen", join(dir, "proto", "gen"));
  emitValidateProto(join(dir, "proto", "buf", "validate", "validate.proto"));
  cpSync(join(root, "buf.yaml"), join(dir, "buf.yaml"));
  const template = readFileSync(join(root, "buf.gen.yaml"), "utf8");
  writeFileSync(join(dir, "buf.gen.yaml"), template.replace("clean: true", "clean: false"));
  const extended = { extends: join(root, "tsconfig.json"), include: ["**/*.ts"], exclude: ["node_modules"] };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(extended));

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  return {
    dir,
    write,
    async patch(text) {
      write("snippet.patch", text);
      // Outside of any repository: inside of one, git looks for the files at its top.
      const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(dir) };
      await run("git", ["apply", "snippet.patch"], { cwd: dir, env });
    },
    async generate(contracts) {
      const paths = contracts.flatMap((contract) => ["--path", contract]);
      const env = { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH}` };
      await run(bin("buf"), ["generate", ...paths], { cwd: dir, env });
    },
    async typeErrors() {
      const { stdout } = await run(bin("tsc"), ["--noEmit", "-p", dir], { cwd: dir }).catch(
        (error: { stdout: string }) => error,
      );
      return stdout.split("\n").filter((line) => /^[^.].*: error TS/.test(line));
    },
  };
}

/** The line numbers of a snippet are those of its page: an error says where to look. */
export function atItsLine({ text, line }: Block): string {
  return "\n".repeat(line - 1) + text;
}
