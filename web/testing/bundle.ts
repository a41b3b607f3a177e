import { build } from "vite";

/** The code of a page for tests and benches in a browser, from its entry file. */
export async function bundle(entry: string): Promise<string> {
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
