import { AudioOutput, Engine, type Playback, ThroughputEstimator } from "./index.ts";

const album = ["a", "b"].map((trackId) => ({ uid: trackId, trackId }));
const button = document.querySelector("button") as HTMLButtonElement;
const say = (text: string) => document.body.append(`${text}. `);

const engine = new Engine(new AudioOutput(new Audio()), new ThroughputEstimator(2_000), {
  open: async (trackId, _atOnce, signal): Promise<Playback> =>
    (await fetch(`/playbacks/${trackId}.json`, { signal })).json(),
  isFinal: () => false,
  onStarted: ({ trackId }, startMs) => say(`${trackId} sounds ${startMs === 0 ? "without a gap" : "first"}`),
  onAdvance: ({ uid }) => engine.setNext(album[album.findIndex((cue) => cue.uid === uid) + 1]),
  onEnded: () => say("That was all"),
  onStalled: () => say("The line is too slow"),
  onFailed: ({ trackId }) => say(`${trackId} does not play`),
  onTime: () => button.setAttribute("aria-label", `Pause at ${engine.positionS.toFixed(1)} s`),
  onChange: () => button.setAttribute("aria-busy", String(engine.isWaiting)),
});

button.onclick = () => {
  if (engine.wantsToPlay) return engine.pause();
  if (!engine.isLoaded) engine.load(album[0]!);
  engine.setNext(album[1]);
  engine.play();
};
