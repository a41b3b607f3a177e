import type { Discovery, EndpointInfo } from "../discovery/discovery.ts";

/** Where a client's calls go. */
export interface Target {
  readonly scheme: "consul" | "dns" | "static";
  /** As it was given. */
  readonly text: string;
  /** The name under which discovery knows it; for `dns`, host and port; for `static`, the list of addresses. */
  readonly service: string;
}

/** Thrown for a target that cannot be understood; says what is allowed. */
export class TargetError extends Error {
  override readonly name = "TargetError";
}

/** Reads `consul:///<service>`, `dns:///<host>:<port>` or `static:///<host>:<port>,…`. Throws `TargetError`. */
export function parseTarget(text: string): Target {
  const match = /^([a-z]+):\/\/\/(.+)$/.exec(text);
  const [, scheme, rest = ""] = match ?? [];
  if (scheme === "consul" && /^[a-z0-9][a-z0-9_-]*$/.test(rest)) return { scheme, text, service: rest };
  if (scheme === "static" || (scheme === "dns" && !rest.includes(","))) {
    parseAddresses(text, rest);
    return { scheme, text, service: rest };
  }
  throw new TargetError(
    `target ${JSON.stringify(text)} is not understood: use consul:///<service>, dns:///<host>:<port> or static:///<host>:<port>,<host>:<port>`,
  );
}

/** Answers `static` targets: the addresses are in the target itself. */
export const addressDiscovery: Discovery = {
  watch(list, onEndpoints) {
    let open = true;
    queueMicrotask(() => {
      if (open) onEndpoints(parseAddresses(`static:///${list}`, list));
    });
    return {
      close() {
        open = false;
      },
    };
  },
};

function parseAddresses(text: string, list: string): EndpointInfo[] {
  return [...new Set(list.split(","))].map((address) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/i.exec(address);
    const port = Number(match?.[3]);
    if (!match || port < 1 || port > 65_535) {
      throw new TargetError(
        `target ${JSON.stringify(text)}: ${JSON.stringify(address)} is not <host>:<port>`,
      );
    }
    return { id: address, host: match[1] ?? match[2]!, port, version: "", zone: "", weight: 1 };
  });
}
