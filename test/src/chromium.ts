import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** Chromium needs these where it runs as root, and is kept from calling home. */
export const chromiumArgs = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** Chromium on PATH, if there is one. */
export function findChromium(): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

/**
 * Chromium on PATH, else installed with apt where this runs as root on Debian.
 * Throws one sentence that says what to do where neither is possible.
 */
export function ensureChromium(say: (line: string) => void): string {
  const found = findChromium();
  if (found) return found;
  const canInstall = process.getuid?.() === 0 && spawnSync("apt-get", ["--version"]).status === 0;
  if (canInstall) {
    say("Chromium is not on PATH: installing Debian's (once, about a minute)");
    const quiet = { stdio: ["ignore", "ignore", "inherit"] as ["ignore", "ignore", "inherit"] };
    try {
      execFileSync("apt-get", ["update", "-qq"], quiet);
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], {
        ...quiet,
        env,
      });
    } catch {
      throw new Error(
        "the tests need Chromium, and apt could not install it: install it so that `chromium` is on PATH",
      );
    }
    const installed = findChromium();
    if (installed) return installed;
  }
  throw new Error(
    "the tests need Chromium on PATH: install it, on Debian as root with `apt-get install chromium`",
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
