import { type Choice, type ChoiceQuestion, type Chooser, settle } from "./choose/chooser.ts";
import { InTurn } from "./choose/in-turn.ts";
import { P2c } from "./choose/p2c.ts";
import { type Ring, RingHash } from "./choose/ring-hash.ts";
import type { Endpoint, Fleet } from "./endpoint.ts";

export interface PoolParts {
  readonly endpoints: readonly Endpoint[];
  /** Set where these are of one version alone, and the others of the target; then nobody who is ejected is used. */
  readonly only?: { readonly version: string; readonly others: readonly Endpoint[] } | undefined;
  readonly fleet: Fleet;
  /** The caller's. */
  readonly zone: string;
  /** Of all endpoints; asked for where the algorithm needs it. */
  readonly ring: () => Ring;
  readonly nowMs: number;
}

/** From which of the endpoints a choice was made. */
export type PoolName = "all" | "its version" | "own zone" | "other zones" | "panic";

/** An endpoint that no attempt goes to, and why. */
export interface LeftOut {
  readonly endpoint: string;
  readonly why: string;
}

/** As many as `/debug/mesh` tells of with a pick. */
const MOST_LEFT_OUT = 16;
/** An endpoint of the own zone that says it is so busy is compared with one of elsewhere. */
const BUSY = 0.9;

/**
 * Who may be chosen now, and the choice among them. It holds until a state, an endpoint or a setting changes;
 * then another is made, so that a pick looks at nobody who cannot be chosen.
 */
export class Pool {
  /** All who may be chosen. */
  readonly usable: readonly Endpoint[];
  /** Too few are well: whoever is connected is used. */
  readonly isPanic: boolean;
  readonly leftOut: readonly LeftOut[];
  readonly #all: PoolName;
  readonly #random: () => number;
  readonly #everywhere: Chooser;
  readonly #ownZone: Chooser | undefined;
  readonly #elsewhere: Chooser | undefined;
  /** The part of calls that stays in the caller's zone. */
  readonly #staying: number = 0;

  constructor(parts: PoolParts) {
    const { endpoints, only, fleet, zone } = parts;
    const { panicThreshold, preferZone, zoneSpillBelow } = fleet.settings;
    const well = endpoints.filter((endpoint) => endpoint.admits);
    const connected = endpoints.filter((endpoint) => endpoint.link === "ready");
    const tooFew = well.length === 0 || well.length < panicThreshold * endpoints.length;
    this.isPanic = !only && tooFew && well.length < connected.length;
    this.usable = this.isPanic ? connected : well;
    this.leftOut = leftOutOf(endpoints, this.isPanic, only);
    this.#all = only ? "its version" : "all";
    this.#random = fleet.random;
    this.#everywhere = chooserOf(this.usable, parts);
    const near = preferZone ? this.usable.filter((endpoint) => endpoint.info.zone === zone) : [];
    if (near.length === 0 || near.length === this.usable.length) return;
    const known = endpoints.filter((endpoint) => endpoint.info.zone === zone).length;
    this.#staying = Math.min(1, near.length / known / zoneSpillBelow);
    this.#ownZone = chooserOf(near, parts);
    this.#elsewhere = chooserOf(
      this.usable.filter((endpoint) => endpoint.info.zone !== zone),
      parts,
    );
  }

  /** Fills `choice` in and says from where it was made. */
  choose(question: ChoiceQuestion, choice: Choice): PoolName {
    choice.endpoint = undefined;
    if (this.#ownZone) {
      const from = this.#random() < this.#staying ? this.#chooseNear(question, choice) : undefined;
      if (from) return from;
      this.#elsewhere!.choose(question, choice);
      if (choice.endpoint) return "other zones";
    }
    if (this.usable.length > 0) this.#everywhere.choose(question, choice);
    return this.isPanic ? "panic" : this.#all;
  }

  /** In the own zone, unless the one chosen there has its hands full and one elsewhere is better. */
  #chooseNear(question: ChoiceQuestion, choice: Choice): PoolName | undefined {
    const { nowMs } = question;
    this.#ownZone!.choose(question, choice);
    const { endpoint: near, reason, score } = choice;
    if (!near) return undefined;
    if (near.load.at(nowMs) < BUSY && !near.load.rests(nowMs)) return "own zone";
    choice.endpoint = undefined;
    this.#elsewhere!.choose(question, choice);
    if (choice.endpoint && choice.score < score) return "other zones";
    settle(choice, near, reason, nowMs);
    return "own zone";
  }
}

function chooserOf(members: readonly Endpoint[], { fleet, ring, nowMs }: PoolParts): Chooser {
  const { random, settings } = fleet;
  switch (settings.algorithm) {
    case "p2c":
      return new P2c({ members, random, nowMs });
    case "round_robin":
      return new InTurn({ members, random, nowMs }, false);
    case "weighted":
      return new InTurn({ members, random, nowMs }, true);
    case "ring_hash":
      return new RingHash({
        ring: ring(),
        members,
        boundedLoad: settings.boundedLoad,
        inFlight: () => fleet.inFlight,
        keyless: new P2c({ members, random, nowMs }),
      });
  }
}

function leftOutOf(endpoints: readonly Endpoint[], isPanic: boolean, only: PoolParts["only"]): LeftOut[] {
  const leftOut: LeftOut[] = [];
  for (const endpoint of endpoints) {
    if (leftOut.length === MOST_LEFT_OUT) return leftOut;
    const why = isPanic && endpoint.link === "ready" ? undefined : endpoint.whyNot;
    if (why) leftOut.push({ endpoint: endpoint.info.id, why });
  }
  for (const { info } of only?.others.slice(0, MOST_LEFT_OUT - leftOut.length) ?? []) {
    leftOut.push({ endpoint: info.id, why: `is of version ${info.version}` });
  }
  return leftOut;
}
