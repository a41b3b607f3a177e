import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

/** ffmpeg did not do what it was asked to. */
export class FfmpegError extends Error {
  override readonly name = "FfmpegError";
}

const OLDEST_PREFERRED = 5;
const LOG_TAIL_CHARS = 16_384;

/**
 * Finds ffmpeg: the one that was configured, else that of PATH where it is version 5 or later, else the
 * older build of the npm package @ffmpeg-installer/ffmpeg. Throws FfmpegError where there is none.
 */
export async function findFfmpeg(configured?: string): Promise<string> {
  if (configured) {
    if ((await versionOf(configured)) === undefined) {
      throw new FfmpegError(`ANTIPHON_FFMPEG: ${configured} is no ffmpeg that can be run`);
    }
    return configured;
  }
  if (((await versionOf("ffmpeg")) ?? 0) >= OLDEST_PREFERRED) return "ffmpeg";
  try {
    const { default: installed } = await import("@ffmpeg-installer/ffmpeg");
    return installed.path;
  } catch (error) {
    const message = "ffmpeg is missing: install version 5 or later, or set ANTIPHON_FFMPEG to its path";
    throw new FfmpegError(message, { cause: error });
  }
}

/** The major version; 0 for builds without a number; undefined where the program does not run. */
async function versionOf(program: string): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, ["-version"], { timeout: 10_000 });
    const [, major] = /^ffmpeg version (?:n?(\d+)\.)?/.exec(stdout) ?? [];
    return stdout.startsWith("ffmpeg version ") ? Number(major ?? 0) : undefined;
  } catch {
    return undefined;
  }
}

export interface FfmpegRun {
  /** How many bytes it wrote to standard output. */
  readonly stdoutBytes: number;
  /** The end of its log. */
  readonly log: string;
}

export interface FfmpegOptions {
  readonly cwd: string;
  /** Kills it. */
  readonly signal: AbortSignal;
  /** How far it stands back for other work on the machine, 0 to 19, default 10. */
  readonly nice?: number;
  /** It is given up when it writes nothing for so long, milliseconds; default five minutes. */
  readonly silenceMs?: number;
  /** Told what it writes to standard output. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/** Runs ffmpeg. Rejects with FfmpegError, naming its last words, where it fails. */
export async function runFfmpeg(
  program: string,
  args: readonly string[],
  { cwd, signal, nice = 10, silenceMs = 300_000, onOutput }: FfmpegOptions,
): Promise<FfmpegRun> {
  const child = spawn("nice", ["-n", String(nice), program, ...args], {
    cwd,
    signal,
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdoutBytes = 0;
  let log = "";
  let silent = false;
  const watchdog = setTimeout(() => {
    silent = true;
    child.kill("SIGKILL");
  }, silenceMs);
  child.stdout.on("data", (chunk: Buffer) => {
    stdoutBytes += chunk.length;
    watchdog.refresh();
    onOutput?.(chunk);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-LOG_TAIL_CHARS);
  });
  const [code, killedBy] = await once(child, "close").finally(() => clearTimeout(watchdog));
  if (silent) throw new FfmpegError(`ffmpeg got no further for ${silenceMs / 1000} s`);
  if (code === 0) return { stdoutBytes, log };
  const lastWords = log.trim().split("\n").at(-1) ?? "";
  throw new FfmpegError(`ffmpeg ended with ${killedBy ?? code}: ${lastWords}`);
}
