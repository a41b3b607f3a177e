/** A bare file server in a process of its own: `node file-server.ts FOLDER`. Says its port. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { sendFile } from "../../web/testing/send-file.ts";

const folder = process.argv[2]!;
const server = createServer({ noDelay: true }, (asked, answer) => {
  sendFile(join(folder, asked.url ?? ""), asked, answer).catch(() => answer.destroy());
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
