import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The checkout, with a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block: ```` ```ts run ```` has the language `ts` and the mark `run`. */
export interface Block {
  readonly language: string;
  readonly mark: string;
  readonly text: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
}

export interface Link {
  readonly text: string;
  readonly target: string;
}

export interface Page {
  /** From the root of the checkout. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** `code` in running text, links left out. */
  readonly code: readonly string[];
  /** What `#…` may name. */
  readonly anchors: ReadonlySet<string>;
}

const ignored = ["**/node_modules/**", "**/.antiphon/**", "**/dist/**", "**/.git/**"];

/** Files of the checkout that match, without what is installed, built or left behind by a run. */
export function filesOf(pattern: string): string[] {
  return globSync(pattern, { cwd: root, exclude: ignored }).sort();
}

export function readText(path: string): string {
  return readFileSync(`${root}${path}`, "utf8");
}

export function readPage(path: string): Page {
  const text = readText(path);
  const blocks = [...text.matchAll(/^```(\w*)[ ]?(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    mark: match[2]!,
    text: match[3]!,
    line: text.slice(0, match.index).split("\n").length + 1,
  }));
  const prose = text.replace(/^```[\s\S]*?^```$/gm, "");
  const links = [...prose.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map((match) => ({
    text: match[1]!,
    target: match[2]!,
  }));
  const unlinked = prose.replace(/\[[^\]]+\]\([^)\s]+\)/g, "");
  const code = [...unlinked.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
  const anchors = new Set([...prose.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1]!)));
  return { path, text, blocks, links, code, anchors };
}

/** Every page of the checkout. */
export const pages: readonly Page[] = filesOf("**/*.md").map(readPage);

/** As GitHub makes them of headings. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** The rows of a page's tables, cell by cell, code marks taken off. */
export function tableRows(section: string): string[][] {
  return section
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[-| ]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** What stands below a heading, up to the next one of its level or above. */
export function sectionOf(page: Page, heading: string): string {
  const start = page.text.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`${page.path} has no section "${heading}"`);
  const end = page.text.indexOf("\n## ", start + 1);
  return page.text.slice(start, end < 0 ? undefined : end);
}
