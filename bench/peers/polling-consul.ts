import { experimental, Metadata, status } from "@grpc/grpc-js";

/**
 * A resolver as people write it for grpc-js: asks Consul every second for the passing instances, and tells
 * the channel of an error where it gets none.
 */
export function registerPollingConsul(consulUrl: string): void {
  class PollingConsul implements experimental.Resolver {
    readonly #url: string;
    readonly #listener: experimental.ResolverListener;
    #timer: NodeJS.Timeout | undefined;

    constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
      this.#url = `${consulUrl}/v1/health/service/${target.path}?passing`;
      this.#listener = listener;
    }

    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return target.path;
    }

    updateResolution(): void {
      this.#timer ??= setInterval(() => void this.#ask(), 1_000);
      void this.#ask();
    }

    destroy(): void {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }

    async #ask(): Promise<void> {
      try {
        const answer = await fetch(this.#url, { signal: AbortSignal.timeout(1_000) });
        const entries = (await answer.json()) as { Service: { Address: string; Port: number } }[];
        const value = entries.map(({ Service }) => ({
          addresses: [{ host: Service.Address, port: Service.Port }],
        }));
        this.#listener({ ok: true, value }, {}, null, "");
      } catch (error) {
        const details = `Consul: ${(error as Error).message}`;
        const failure = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
        this.#listener({ ok: false, error: failure }, {}, null, "");
      }
    }
  }
  experimental.registerResolver("polling-consul", PollingConsul);
}
