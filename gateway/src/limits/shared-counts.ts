import { z } from "zod";
import type { TokenBuckets } from "./token-buckets.ts";

/** Lets gateways count together: what is taken from the buckets of one is taken from those of all. */
export interface SharedCounts {
  /** Shares these buckets with those of the same name in other gateways. */
  share(name: string, buckets: TokenBuckets): void;
  close(): void;
}

/** Carries messages between gateways. What it loses is counted where it was taken, and nowhere else. */
export interface CountBus {
  send(text: string): void;
  /** Also hears what this gateway sends. */
  onMessage(listener: (text: string) => void): void;
}

/** For one gateway alone. */
export const ownCounts: SharedCounts = { share() {}, close() {} };

/**
 * How often gateways tell each other. For so long each counts alone: together they let through what one of
 * them would, and at most what comes in during this time more.
 */
const TELL_MS = 100;
/** Keys in one message: far below NATS's limit of 1 MB. */
const MAX_KEYS = 2000;

const message = z.object({
  /** The gateway that tells. */
  from: z.string(),
  name: z.string(),
  taken: z.array(z.tuple([z.string().max(256), z.int().min(1).max(1e9)])).max(MAX_KEYS),
});

interface Deps {
  readonly bus: CountBus;
  /** This gateway's id. */
  readonly self: string;
}

/**
 * Tells the others what was taken since the last time, key by key, and takes here what they tell. There is no
 * authority to ask or to lose: a gateway that hears nothing limits on by what it sees itself.
 */
export function sharedCounts({ bus, self }: Deps): SharedCounts {
  const shared = new Map<string, { readonly buckets: TokenBuckets; readonly taken: Map<string, number> }>();
  bus.onMessage((text) => {
    const told = parse(text);
    const mine = told && told.from !== self && shared.get(told.name);
    if (!told || !mine) return;
    for (const [key, count] of told.taken) mine.buckets.takeElsewhere(key, count);
  });
  const tell = () => {
    for (const [name, { taken }] of shared) {
      const entries = [...taken];
      taken.clear();
      for (let at = 0; at < entries.length; at += MAX_KEYS) {
        bus.send(JSON.stringify({ from: self, name, taken: entries.slice(at, at + MAX_KEYS) }));
      }
    }
  };
  const timer = setInterval(tell, TELL_MS).unref();
  return {
    share(name, buckets) {
      const taken = new Map<string, number>();
      shared.set(name, { buckets, taken });
      buckets.onTaken = (key) => taken.set(key, (taken.get(key) ?? 0) + 1);
    },
    close: () => clearInterval(timer),
  };
}

/** Undefined for what no gateway of this version says. */
function parse(text: string): z.infer<typeof message> | undefined {
  try {
    return message.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
