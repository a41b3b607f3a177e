import { build } from "vite";

const bundles = new Map<string, Promise<string>>();

/** The code of a page for tests and benches in a browser, from its entry file; made once a process. */
export function bundle(entry: string): Promise<string> {
  const made = bundles.get(entry) ?? bundled(entry);
  bundles.set(entry, made);
  return made;
}

async function bundled(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      minify: true,
      lib: { entry, formats: ["es"], fileName: "page" },
    },
  });
  const [built] = Array.isArray(result) ? result : [result];
  if (!built || !("output" in built)) throw new Error(`${entry} was not built`);
  return built.output[0].code;
}
