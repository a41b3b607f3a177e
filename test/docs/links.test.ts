import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { filesOf, type Page, pages, readPage, readText, root } from "./markdown.ts";

/** Files that a run makes, and stand-ins for names. */
const notInTheCheckout = /^\.antiphon\/|^node_modules\/|[<>*{}…$]|NNNN|0001-what/;
const made = new Set(["secrets.json", "prometheus.yml", "run.lock", "run.log", "web.log"]);

const files = filesOf("**/*.*");

/** Links within the checkout that lead nowhere. */
function deadLinks(page: Page): string[] {
  return page.links.flatMap(({ text, target }) => {
    if (/^(https?:|mailto:)/.test(target)) return [];
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page.path : normalize(join(dirname(page.path), path));
    if (!existsSync(join(root, file))) return [`${target}: there is no ${file}`];
    if (anchor && !readPage(file).anchors.has(anchor)) return [`${target}: ${file} has no such heading`];
    if (statSync(join(root, file)).isDirectory()) return [];
    // [`edit`](src/editing.ts) says that this is where `edit` is.
    const name = /^`(?:new )?([\w.]+?)(?:\(.*\))?`$/.exec(text)?.[1];
    if (!name || name.includes("/") || /\.\w+$/.test(name)) return [];
    return new RegExp(`\\b${name}\\b`).test(readText(file)) ? [] : [`${target}: ${file} has no ${name}`];
  });
}

/** Names of files in running text that no file has. */
function unknownFiles(page: Page): string[] {
  const shown = page.blocks.map(({ mark }) => mark.replace(/^file=/, ""));
  return page.code.filter((code) => {
    if (!/^[\w@.-]+(\/[\w@.-]+)*\.(ts|tsx|sql|proto|md|yml|html|json|sh)$/.test(code)) return false;
    if (notInTheCheckout.test(code) || made.has(code) || shown.includes(code)) return false;
    return !files.some((file) => file === code || file.endsWith(`/${code.replace(/^(\.\.?\/)+/, "")}`));
  });
}

describe.each(pages)("$path", (page) => {
  test("links lead to files, headings and functions that are there", () => {
    expect(deadLinks(page)).toEqual([]);
  });

  test("files that it names are there", () => {
    expect(unknownFiles(page)).toEqual([]);
  });

  test("commands that it shows can be given", () => {
    const shown = page.blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
    const commands = [...shown, ...page.code].join("\n");
    const makeTargets = [...readText("Makefile").matchAll(/^([a-z-]+):/gm)].map((match) => match[1]);
    const scripts = ["package.json", join(dirname(page.path), "package.json")].flatMap(scriptsOf);
    expect(makeTargets).toEqual(expect.arrayContaining(wordsAfter(/\bmake ([a-z-]+)/g, commands)));
    expect(scripts).toEqual(expect.arrayContaining(wordsAfter(/\bnpm run (?:-s )?([a-z-]+)/g, commands)));
  });
});

function scriptsOf(path: string): string[] {
  return files.includes(path) ? Object.keys(JSON.parse(readText(path)).scripts ?? {}) : [];
}

function wordsAfter(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}
