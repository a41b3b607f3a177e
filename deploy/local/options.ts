import { parseArgs } from "node:util";
import { Sentence } from "./sentence.ts";
import type { SystemPorts } from "./system.ts";

export interface RunOptions {
  readonly help: boolean;
  readonly music: string | undefined;
  readonly ports: SystemPorts;
}

export const usage = `make run: the whole of Antiphon on this machine

  make run                       everything, with a free album of 16 tracks from Debian's archive
  make run MUSIC=/path/to/music  the same, with your music
  make run MUSIC=wesnoth         the same, with the 41 tracks of Debian's wesnoth-1.16-music (153 MB)

or, with more to choose:  make run ARGS="[options]"

  --music FOLDER          imports this folder, or singularity or wesnoth, free music of Debian's;
                          what was imported before stays: with both there are 57 tracks
  --port PORT             of the web page and gateway (8080)
  --consul-port PORT      of Consul and its UI (8500)
  --prometheus-port PORT  of Prometheus (9090)
  --help                  this

Data is kept in .antiphon/data, logs in .antiphon/logs. Ctrl-C stops everything.
make clean removes both.`;

/** Reads the command line. Throws a `Sentence` on what it does not know. */
export function parseOptions(args: readonly string[]): RunOptions {
  const options = {
    help: { type: "boolean", short: "h", default: false },
    music: { type: "string" },
    port: { type: "string", default: "8080" },
    "consul-port": { type: "string", default: "8500" },
    "prometheus-port": { type: "string", default: "9090" },
  } as const;
  const values = (() => {
    try {
      return parseArgs({ args: [...args], options }).values;
    } catch (error) {
      throw new Sentence(
        `${(error as Error).message.split(". ")[0]}: make run ARGS=--help says which there are`,
      );
    }
  })();
  const port = (name: "port" | "consul-port" | "prometheus-port") => {
    const number = Number(values[name]);
    if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
    throw new Sentence(`--${name} must be a port from 1 to 65535 (was "${values[name]}")`);
  };
  return {
    help: values.help,
    music: values.music,
    ports: { gateway: port("port"), consul: port("consul-port"), prometheus: port("prometheus-port") },
  };
}
