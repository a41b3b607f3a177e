import type { Watch } from "../discovery/discovery.ts";
import type { Logger } from "../telemetry/logger.ts";
import { PolicyError } from "./policy-error.ts";
import { NO_POLICY, type PolicyState } from "./policy-source.ts";
import { readPolicy } from "./read-policy.ts";

type StateListener = (state: PolicyState) => void;

/** What is stored for one service, read and judged, and who wants to know of it. A listener must not throw. */
export class PolicyFeed {
  readonly #service: string;
  readonly #log: Logger | undefined;
  readonly #listeners = new Set<StateListener>();
  #text: string | undefined;
  #state: PolicyState | undefined;

  constructor(service: string, log?: Logger) {
    this.#service = service;
    this.#log = log;
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  /** Takes in what is stored, undefined for nothing. A policy of nonsense is refused, and the last good one stays. */
  offer(text: string | undefined): void {
    if (this.#state && text === this.#text) return;
    this.#text = text;
    this.#tell(this.#judge(text));
  }

  /** Where nothing is known yet, says that the defaults hold until it is. */
  assumeDefaults(): void {
    if (this.#state) return;
    this.#log?.warn({ target: this.#service }, "nobody has told its policy in time, the defaults hold");
    this.#tell(NO_POLICY);
  }

  subscribe(onState: StateListener): Watch {
    let told: PolicyState | undefined;
    const listener: StateListener = (state) => {
      if (state === told) return;
      told = state;
      onState(state);
    };
    this.#listeners.add(listener);
    queueMicrotask(() => {
      if (this.#state && this.#listeners.has(listener)) listener(this.#state);
    });
    return { close: () => void this.#listeners.delete(listener) };
  }

  #tell(state: PolicyState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  #judge(text: string | undefined): PolicyState {
    const about = { target: this.#service };
    try {
      const policy = text === undefined ? undefined : readPolicy(text);
      if (policy) this.#log?.info(about, "its policy is followed");
      else if (this.#state?.policy) this.#log?.info(about, "its policy is gone, the defaults hold");
      return { policy, refused: undefined };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const stays = this.#state?.policy ? "the last good one stays" : "the defaults hold";
      this.#log?.warn(
        { ...about, problems: error.problems },
        `its policy is refused, ${stays}: ${error.message}`,
      );
      return { policy: this.#state?.policy, refused: error.message };
    }
  }
}
