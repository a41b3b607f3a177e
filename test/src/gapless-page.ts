/// <reference lib="dom" />
import { AudioOutput, Engine, type Playback, ThroughputEstimator } from "../../web/src/player/index.ts";

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

/** Records what is led into `node`, mono, at this rate. */
async function openRecorder(sampleRate: number) {
  const chunks: Float32Array[] = [];
  const module = URL.createObjectURL(new Blob([RECORDER], { type: "text/javascript" }));
  const context = new AudioContext({ sampleRate });
  await context.audioWorklet.addModule(module);
  const node = new AudioWorkletNode(context, "recorder");
  node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => chunks.push(data);
  node.connect(context.destination);
  return {
    node,
    /** What was recorded, as base64 of its floats. */
    async finish(): Promise<string> {
      await context.close();
      return base64(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()));
    },
  };
}

/** Plays tracks one after the other: what went to the speakers, and which bitrates were heard in turn. */
async function record(playbacks: readonly Playback[], sampleRateHz: number) {
  const recorder = await openRecorder(sampleRateHz);
  const output = new AudioOutput(new Audio(), recorder.node);
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
  return { samples: await recorder.finish(), bitrates };
}

/** Plays files with an audio element, each when the one before has ended. */
async function recordFiles(urls: readonly string[], sampleRateHz: number): Promise<string> {
  const recorder = await openRecorder(sampleRateHz);
  const audio = new Audio();
  new MediaElementAudioSourceNode(recorder.node.context as AudioContext, { mediaElement: audio }).connect(
    recorder.node,
  );
  for (const url of urls) {
    audio.src = url;
    await audio.play();
    await new Promise((resolve) => audio.addEventListener("ended", resolve, { once: true }));
  }
  return recorder.finish();
}

/** Playwright hands over text a hundred times faster than arrays of numbers. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000)
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

const page = { record, recordFiles };
export type GaplessPage = typeof page;
Object.assign(globalThis, page);
