import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";
import { pipeline } from "node:stream/promises";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mp4": "audio/mp4",
  ".ogg": "audio/ogg",
};

/** Answers with a file, or the range of it that was asked for. Rejects where there is no such file. */
export async function sendFile(path: string, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { size } = await stat(path);
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(asked.headers.range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = last ? Number(last) : size - 1;
  answer.writeHead(first === undefined ? 200 : 206, {
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
    "content-length": end - start + 1,
    "accept-ranges": "bytes",
    "cache-control": "no-store",
    ...(first !== undefined && { "content-range": `bytes ${start}-${end}/${size}` }),
  });
  await pipeline(createReadStream(path, { start, end }), answer);
}
