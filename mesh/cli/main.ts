/** `npm run antiphon -- events …`: what operators do with events. */
import { type Command, CommandError, readArguments, servers, UsageError, withSession } from "./command.ts";
import { audit } from "./events-audit.ts";
import { dead } from "./events-dead.ts";
import { lag } from "./events-lag.ts";
import { replay } from "./events-replay.ts";
import { tail } from "./events-tail.ts";

const EXIT_USAGE = 64;
const commands: readonly Command[] = [tail, lag, ...dead, replay, audit];

function overview(): string {
  const width = Math.max(...commands.map(({ usage }) => usage.length)) + 2;
  const lines = commands.map(({ usage, what }) => `  ${usage.padEnd(width)}${what}`);
  return `antiphon COMMAND [options]\n\n${lines.join("\n")}\n\nantiphon COMMAND --help says more.`;
}

function help({ usage, what, options }: Command): string {
  const all = Object.entries({ ...servers, ...options }).map(([name, { value, what: about }]) => {
    return `  ${`--${name}${value ? ` ${value}` : ""}`.padEnd(18)}${about}`;
  });
  return `antiphon ${usage} [options]\n\n${what}\n\n${all.join("\n")}`;
}

/** The command with the longest name that the words begin with, and the words after it. */
function find(words: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  for (const command of commands) {
    const name = command.usage.split(" ").filter((word) => !/^[A-Z]+$/.test(word));
    if (name.every((word, i) => words[i] === word)) return { command, rest: words.slice(name.length) };
  }
  return undefined;
}

async function main(words: readonly string[]): Promise<void> {
  const found = find(words);
  if (words.includes("--help") || words.length === 0) {
    console.log(found ? help(found.command) : overview());
    return;
  }
  if (!found) throw new UsageError(`there is no command "${words.join(" ")}"\n\n${overview()}`);
  const args = readArguments(found.command, found.rest);
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  await withSession(args, interrupted.signal, (session) => found.command.run(session, args));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const expected = error instanceof UsageError || error instanceof CommandError;
  console.error(`antiphon: ${expected ? error.message : error instanceof Error ? error.stack : error}`);
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : 1;
}
