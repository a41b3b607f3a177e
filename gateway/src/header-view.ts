import type { NodeRequest } from "./front.ts";

/** What the edge reads of a request's headers; fetch's `Headers` are one. */
export interface HeaderView {
  get(name: string): string | null;
  has(name: string): boolean;
}

/** Node's headers seen as fetch's, without the cost of making `Headers` of them. */
export function headerView({ headers }: Pick<NodeRequest, "headers">): HeaderView {
  return {
    get(name) {
      const value = headers[name];
      if (value === undefined) return null;
      return typeof value === "string" ? value : value.join(", ");
    },
    has: (name) => headers[name] !== undefined,
  };
}
