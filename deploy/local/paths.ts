import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this file belongs to. */
export const projectDir = fileURLToPath(new URL("../..", import.meta.url));

/** Everything a run leaves behind, `ANTIPHON_DIR` or a folder that git ignores and `make clean` removes. */
export const antiphonDir = resolve(process.env.ANTIPHON_DIR || join(projectDir, ".antiphon"));

/** Programs that came from Debian's archive. */
export const toolsDir = join(antiphonDir, "bin");
