import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findFfmpeg } from "../../services/player/src/ffmpeg.ts";
import { type CodecName, LADDERS, STAGES } from "../../services/player/src/ladder.ts";
import { packager } from "../../services/player/src/packager.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, median, round } from "./report.ts";

const execute = promisify(execFile);

interface Made {
  readonly cpuS: number;
  readonly renditions: number;
}

/**
 * CPU time of packaging a track, everything that the player does for it included (Node.js, loudness, peaks,
 * exact length, segment tables, decoding once a stage), against one bare ffmpeg command for each codec that
 * makes the same renditions. Alternating; each round counts the files that were made.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const rounds = quick ? 2 : 5;
  const seconds = quick ? 30 : 120;
  const scratch = await mkdtemp(join(tmpdir(), "antiphon-packaging-"));
  try {
    const ffmpeg = await meteredFfmpeg(await findFfmpeg(), scratch);
    const source = await makeMusic(ffmpeg.path, scratch, seconds);
    const lines: Line[] = [];
    for (const codec of Object.keys(LADDERS) as CodecName[]) {
      const ours: Made[] = [];
      const bare: Made[] = [];
      for (let turn = 0; turn < rounds; turn++) {
        ours.push(await ffmpeg.metered((folder) => packageAll(ffmpeg.path, codec, source, folder)));
        bare.push(await ffmpeg.metered((folder) => makeBare(ffmpeg.path, codec, source, folder)));
        say(`${codec}, round ${turn + 1}: ${ours.at(-1)!.cpuS} s of CPU, bare ${bare.at(-1)!.cpuS} s`);
      }
      lines.push(lineOf(codec, ours, bare, seconds));
    }
    return lines;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function lineOf(codec: CodecName, ours: readonly Made[], bare: readonly Made[], seconds: number): Line {
  const cpu = median(ours.map(({ cpuS }) => cpuS));
  const peer = median(bare.map(({ cpuS }) => cpuS));
  const wanted = LADDERS[codec].bitratesKbps.length;
  const made = Math.min(...[...ours, ...bare].map(({ renditions }) => renditions));
  if (made !== wanted) throw new Error(`${made} of ${wanted} renditions were made`);
  return {
    bench: "packaging",
    metric: `${codec}_cpu_s`,
    unit: "s",
    n: ours.length,
    offered: wanted * ours.length,
    achieved: made * ours.length,
    ours: round(cpu),
    against: "bare ffmpeg",
    peer: round(peer),
    ratio: round(cpu / peer),
    musicSeconds: seconds,
    renditionsEach: made,
  };
}

/** All stages of a codec, as the player does them. */
async function packageAll(ffmpeg: string, codec: CodecName, source: string, folder: string): Promise<void> {
  const { signal } = new AbortController();
  for (const stage of STAGES.filter((each) => each.codec === codec)) {
    await packager(ffmpeg)({ source: createReadStream(source), stage, folder, urgent: true, signal });
  }
}

/** One run that decodes once and makes aligned, fragmented files, and nothing else. */
async function makeBare(ffmpeg: string, codec: CodecName, source: string, folder: string): Promise<void> {
  const { encoder, sampleRateHz, packetSamples, bitratesKbps } = LADDERS[codec];
  const rungs = bitratesKbps.map((_, i) => `[rung${i}]`);
  const filter = `[0:a:0]aresample=${sampleRateHz},asetpts=N/SR/TB,asetnsamples=n=${packetSamples}:p=1,asplit=${rungs.length}${rungs.join("")}`;
  await execute(
    ffmpeg,
    [
      ...["-v", "error", "-nostdin", "-threads", "1", "-i", source, "-filter_complex", filter],
      ...bitratesKbps.flatMap((kbps, i) => [
        ...[
          "-map",
          rungs[i]!,
          "-c:a",
          encoder,
          "-ac",
          "2",
          "-b:a",
          `${kbps}k`,
          "-threads",
          "1",
          "-strict",
          "-2",
        ],
        ...["-movflags", "empty_moov+default_base_moof", "-frag_duration", "2000000", `${codec}-${kbps}.mp4`],
      ]),
    ],
    { cwd: folder },
  );
}

/** Noise under a chord, as Ogg Vorbis: what an encoder has work with. */
async function makeMusic(ffmpeg: string, folder: string, seconds: number): Promise<string> {
  const path = join(folder, "music.ogg");
  const chord = `aevalsrc=0.1*sin(220*2*PI*t)+0.1*sin(277*2*PI*t)|0.1*sin(330*2*PI*t):s=44100:d=${seconds}`;
  const noise = `anoisesrc=color=pink:amplitude=0.2:sample_rate=44100:duration=${seconds}:seed=1`;
  const mix = ["-filter_complex", "[0][1]amix=inputs=2", "-ac", "2", "-q:a", "4"];
  await execute(ffmpeg, [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    chord,
    "-f",
    "lavfi",
    "-i",
    noise,
    ...mix,
    path,
  ]);
  return path;
}

/** An ffmpeg that writes down what CPU time each of its runs took, and a meter that adds this process's. */
async function meteredFfmpeg(program: string, scratch: string) {
  const path = join(scratch, "ffmpeg");
  const times = join(scratch, "times");
  await writeFile(path, `#!/bin/sh\n${program} "$@"\nresult=$?\ntimes >>${times}\nexit $result\n`);
  await chmod(path, 0o755);
  let turn = 0;

  return {
    path,
    async metered(work: (folder: string) => Promise<void>): Promise<Made> {
      const folder = join(scratch, String(turn++));
      await mkdir(folder);
      await writeFile(times, "");
      const before = process.cpuUsage();
      await work(folder);
      const { user, system } = process.cpuUsage(before);
      const renditions = (await readdir(folder)).filter((name) => name.endsWith(".mp4")).length;
      await rm(folder, { recursive: true });
      const children = secondsIn(await readFile(times, "utf8"));
      return { cpuS: round((user + system) / 1_000_000 + children), renditions };
    },
  };
}

/** The sum of what the shell's `times` says, such as 0m1.230s. */
function secondsIn(times: string): number {
  const found = [...times.matchAll(/(\d+)m([\d.]+)s/g)];
  return found.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}
