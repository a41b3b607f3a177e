/// <reference lib="dom" />
import { Engine } from "../../web/src/player/engine.ts";
import { AudioOutput } from "../../web/src/player/output.ts";
import type { Playback } from "../../web/src/player/playback.ts";
import { ThroughputEstimator } from "../../web/src/player/throughput.ts";

const RECORDER = `registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(input[0].slice());
    return true;
  }
})`;

/** From a fast line to a slow one and back at every look: each segment comes in another quality. */
class RestlessThroughput extends ThroughputEstimator {
  private looks = 0;

  override get kbps(): number {
    return this.looks++ % 2 === 0 ? 6_000 : 100;
  }
}

/**
 * Plays tracks one after the other, and resolves with what went to the speakers, mono, at `sampleRateHz`,
 * and which bitrates were heard, one after the other.
 */
async function record(playbacks: readonly Playback[], sampleRateHz: number) {
  const chunks: Float32Array[] = [];
  const module = URL.createObjectURL(new Blob([RECORDER], { type: "text/javascript" }));
  const context = new AudioContext({ sampleRate: sampleRateHz });
  await context.audioWorklet.addModule(module);
  const recorder = new AudioWorkletNode(context, "recorder");
  recorder.port.onmessage = ({ data }: MessageEvent<Float32Array>) => chunks.push(data);
  recorder.connect(context.destination);

  const output = new AudioOutput(new Audio(), recorder);
  const bitrates: number[] = [];
  const look = (kbps: number | undefined) => {
    if (kbps !== undefined && kbps !== bitrates.at(-1)) bitrates.push(kbps);
  };
  const cues = playbacks.map(({ trackId }) => ({ uid: trackId, trackId }));
  await new Promise<void>((resolve, reject) => {
    const engine: Engine = new Engine(output, new RestlessThroughput(0), {
      open: async (trackId) => playbacks.find((playback) => playback.trackId === trackId) as Playback,
      isFinal: () => true,
      onChange: () => undefined,
      onTime: () => look(engine.rendition?.bitrateKbps),
      onStarted: () => undefined,
      onAdvance: ({ uid }) => engine.setNext(cues[cues.findIndex((cue) => cue.uid === uid) + 1]),
      onEnded: () => resolve(),
      onStalled: () => reject(new Error("the music stalled")),
      onFailed: (_cue, error) => reject(error),
    });
    engine.load(cues[0]!);
    engine.setNext(cues[1]);
    engine.play();
  });
  await output.close();
  const samples = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    samples.set(chunk, at);
    at += chunk.length;
  }
  return { samples: base64(new Uint8Array(samples.buffer)), bitrates };
}

/** Playwright hands over text a hundred times faster than arrays of numbers. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000)
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export type GaplessPage = { readonly record: typeof record };
Object.assign(globalThis, { record });
