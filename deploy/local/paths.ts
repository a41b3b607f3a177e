import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this file belongs to. */
export const projectDir = fileURLToPath(new URL("../..", import.meta.url));

/** Everything a run leaves behind; ignored by git, removed by `make clean`. */
export const antiphonDir = join(projectDir, ".antiphon");

/** Programs that came from Debian's archive. */
export const toolsDir = join(antiphonDir, "bin");
