import Hls from "hls.js";
import type { Contender } from "./contender.ts";

/** hls.js with its default options, the element attached ahead. */
export function hlsContender(masterUrl: string): Contender {
  const element = new Audio();
  const hls = new Hls();
  hls.attachMedia(element);
  return {
    element,
    play() {
      hls.once(Hls.Events.MANIFEST_PARSED, () => void element.play());
      hls.loadSource(masterUrl);
    },
    seek(positionS) {
      element.currentTime = positionS;
    },
    startS: () => 0,
    rung: () => hls.currentLevel,
    stop: () => hls.destroy(),
  };
}
