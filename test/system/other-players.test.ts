import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Codec, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { createClient } from "@connectrpc/connect";
import ffmpeg from "@ffmpeg-installer/ffmpeg";
import { expect, test } from "vitest";
import { theSystem } from "../src/system.ts";

/** All bytes that a media playlist names, in its order: the init of its map, then each byte range. */
async function fetchAll(playlist: string, origin: string): Promise<Buffer> {
  const [, mapUrl = "", mapBytes = ""] = /#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@0"/.exec(playlist) ?? [];
  const parts = [...playlist.matchAll(/#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)/g)].map(
    ([, length, offset, url]) => {
      return { url: url ?? "", offset: Number(offset), length: Number(length) };
    },
  );
  const bytes: Buffer[] = [];
  for (const { url, offset, length } of [{ url: mapUrl, offset: 0, length: Number(mapBytes) }, ...parts]) {
    const range = `bytes=${offset}-${offset + length - 1}`;
    const answer = await fetch(`${origin}${url}`, { headers: { range } });
    expect(answer.status).toBe(206);
    bytes.push(Buffer.from(await answer.arrayBuffer()));
  }
  return Buffer.concat(bytes);
}

/** How long the sound of a file is, by decoding it. */
async function decodedSeconds(path: string): Promise<number> {
  const { stderr } = await promisify(execFile)(ffmpeg.path, ["-i", path, "-map", "0:a:0", "-f", "null", "-"]);
  const [, hours, minutes, seconds] = [...stderr.matchAll(/time=(\d+):(\d+):([\d.]+)/g)].at(-1) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

test("another player gets a whole track by its playlist, through the gateway", async () => {
  const { system, tracks, register } = await theSystem();
  const { transport } = await register();
  const player = createClient(PlayerService, transport);
  const { playlistUrl, totalSamples, sampleRateHz } = await player.startPlayback({
    trackId: tracks[0]?.id ?? "",
    codecs: [Codec.OPUS],
  });
  const origin = system.gatewayUrl;
  const answer = await fetch(`${origin}${playlistUrl}`);
  expect(answer.headers.get("content-type")).toBe("application/vnd.apple.mpegurl");
  expect((await fetch(`${origin}${playlistUrl.replace(/s=[^&]*/, "s=x")}`)).status).toBe(403);

  const [lowest = ""] = (await answer.text()).split("\n").filter((line) => line.startsWith("/"));
  const music = await fetchAll(await (await fetch(`${origin}${lowest}`)).text(), origin);
  const folder = await mkdtemp(join(tmpdir(), "antiphon-hls-"));
  try {
    await writeFile(join(folder, "heard.mp4"), music);
    const heardS = await decodedSeconds(join(folder, "heard.mp4"));
    // What fills up the last packet is heard too.
    expect(Math.abs(heardS - Number(totalSamples) / sampleRateHz)).toBeLessThan(0.05);
  } finally {
    await rm(folder, { recursive: true });
  }
});
