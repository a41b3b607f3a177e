import type { Contender } from "./contender.ts";

/** An audio element and a file. */
export function progressiveContender(url: string): Contender {
  const element = new Audio();
  return {
    element,
    play() {
      element.src = url;
      void element.play();
    },
    seek(positionS) {
      element.currentTime = positionS;
    },
    startS: () => 0,
    rung: () => undefined,
    stop() {
      element.removeAttribute("src");
      element.load();
    },
  };
}
