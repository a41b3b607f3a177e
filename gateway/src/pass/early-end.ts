import type { CallSignal } from "@antiphon/mesh";
import type { ConnectError } from "@connectrpc/connect";

/** Tells why something ends early. For calls it does what an `AbortController` would, at a fraction of its cost. */
export class EarlyEnd implements CallSignal {
  #reason: ConnectError | undefined;
  readonly #listeners: (() => void)[] = [];

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): ConnectError | undefined {
    return this.#reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  /** Once. Listeners are told in the order in which they came. */
  abort(reason: ConnectError): void {
    this.#reason = reason;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
