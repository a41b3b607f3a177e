import { parseArgs } from "node:util";
import { type Bench, benches } from "./benches.ts";
import { table } from "./report.ts";

const EXIT_USAGE = 64;

const usage = `npm run bench -- NAME [--quick]

Prints one JSON object a line on standard output, a line for each peer, and a table on standard error.
${benches.map(({ name, what }) => `  ${name.padEnd(17)}${what}`).join("\n")}
  list             the names, one a line

  --quick          fewer and shorter rounds, done in 45 s
  --help           this text`;

function refuse(why: string): never {
  console.error(`bench: ${why}\n\n${usage}`);
  process.exit(EXIT_USAGE);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { quick: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

async function runOne(bench: Bench, quick: boolean): Promise<void> {
  const { run } = await bench.load();
  const lines = await run({ quick, say: (text) => console.error(text) });
  for (const line of lines) console.log(JSON.stringify(line));
  console.error(`\n${table(lines)}`);
}

const { values, positionals } = readArguments();
const [name, ...more] = positionals;
if (values.help) console.log(usage);
else if (name === undefined) refuse("which benchmark?");
else if (more.length > 0) refuse(`one benchmark at a time, not also ${more.join(" ")}`);
else if (name === "list") for (const bench of benches) console.log(bench.name);
else {
  const bench = benches.find((candidate) => candidate.name === name);
  if (!bench) refuse(`there is no benchmark ${JSON.stringify(name)}`);
  else await runOne(bench, values.quick);
}
