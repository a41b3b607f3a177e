import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where this machine gets Debian's packages from, in deb822 terms. */
export interface DebianMirror {
  readonly uri: string;
  /** Keyring path, fingerprint or key block of the source, verbatim; absent when the source names none. */
  readonly signedBy?: string;
}

interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy?: string;
}

const debianSuites =
  /^(bullseye|bookworm|trixie|forky|duke|stable|oldstable|oldoldstable|testing|unstable|sid)$/;
const words = (text: string | undefined) => text?.split(/\s+/).filter((word) => word !== "") ?? [];

/**
 * Finds the mirror of Debian's main archive in apt's own configuration, so that no host is written
 * into this repository. `files` are sources lists: `.sources` (deb822), all else one line a source.
 */
export function findDebianMirror(files: readonly { name: string; text: string }[]): DebianMirror | undefined {
  const sources = files.flatMap(({ name, text }) =>
    name.endsWith(".sources") ? parseStanzas(text) : parseLines(text),
  );
  const source = sources.find(
    ({ uris, suites, components }) =>
      suites.some((suite) => debianSuites.test(suite)) &&
      components.includes("main") &&
      uris.some((uri) => !uri.startsWith("cdrom:")),
  );
  const uri = source?.uris.find((each) => !each.startsWith("cdrom:"));
  if (source === undefined || uri === undefined) return undefined;
  return source.signedBy === undefined ? { uri } : { uri, signedBy: source.signedBy };
}

/** Reads apt's sources lists of this machine; what is absent or unreadable counts as empty. */
export async function readAptSources(etc = "/etc/apt"): Promise<{ name: string; text: string }[]> {
  const parts = await readdir(join(etc, "sources.list.d")).catch(() => []);
  const names = parts.filter((name) => /\.(list|sources)$/.test(name)).sort();
  const paths = [join(etc, "sources.list"), ...names.map((name) => join(etc, "sources.list.d", name))];
  return await Promise.all(
    paths.map(async (name) => ({ name, text: await readFile(name, "utf8").catch(() => "") })),
  );
}

function parseLines(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[(?<options>[^\]]*)\]\s*)?(?<uri>\S+)\s+(?<suite>\S+)\s+(?<rest>[^#]*)/.exec(
      line,
    );
    if (match?.groups === undefined) return [];
    const { options, uri = "", suite = "", rest } = match.groups;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options ?? "")?.[1];
    const source = { uris: [uri], suites: [suite], components: words(rest) };
    return [signedBy === undefined ? source : { ...source, signedBy }];
  });
}

function parseStanzas(text: string): Source[] {
  const body = text.replaceAll(/^#.*\n?/gm, "");
  return body.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) =>
      new RegExp(`^${name}:[ \\t]*((?:.*)(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1];
    if (!words(field("Types")).includes("deb") || field("Enabled")?.trim() === "no") return [];
    const signedBy = field("Signed-By");
    const source = {
      uris: words(field("URIs")),
      suites: words(field("Suites")),
      components: words(field("Components")),
    };
    return [signedBy === undefined ? source : { ...source, signedBy }];
  });
}
