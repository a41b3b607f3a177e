import { newId } from "../player/new-id.ts";

/** This page, as the listener's other devices know it. */
export interface OwnDevice {
  readonly id: string;
  readonly name: string;
}

type Platform = Pick<Navigator, "userAgent">;

const browsers: readonly [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const systems: readonly [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "Mac"],
  [/Linux|X11/, "Linux"],
];

/** What people call it: "Firefox on Linux". */
export function deviceName({ userAgent }: Platform): string {
  const named = (known: readonly [RegExp, string][], otherwise: string) =>
    known.find(([pattern]) => pattern.test(userAgent))?.[1] ?? otherwise;
  return `${named(browsers, "A browser")} on ${named(systems, "a computer")}`;
}

/** A page is a device of its own from when it is loaded on: two tabs of one browser are two. */
export function ownDevice(platform: Platform): OwnDevice {
  return { id: newId("dev"), name: deviceName(platform) };
}
