/** One line of a panel, or a family of lines. */
export interface Query {
  /** PromQL over windows of one minute; the same in Grafana, in the console and in tests. */
  readonly expr: string;
  /** Labels that name a line, in this order. */
  readonly by: readonly string[];
  /** Stands before them, e.g. "p99". */
  readonly prefix?: string;
}

export interface Panel {
  readonly title: string;
  /** What to look for, for people. */
  readonly hint: string;
  /** A unit of Grafana: `reqps`, `percentunit`, `s`, `short`, `bytes`. */
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Shown in the Prometheus console as well. */
  readonly main?: boolean;
}

export type Unit = "reqps" | "percentunit" | "s" | "short" | "bytes";

export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}
