import { Counter, Histogram, type Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

interface LeanOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registry: Registry;
}

/** One labelled number, added to by hand: prom-client's own `inc` hashes the labels each time, 0.5 µs. */
export interface Cell {
  value: number;
}

/** A prom-client counter whose series are plain cells, read when it is scraped. */
export class LeanCounter {
  readonly #series: { readonly labels: Labels; readonly cell: Cell }[] = [];

  constructor({ registry, ...options }: LeanOptions) {
    const series = this.#series;
    new Counter({
      ...options,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, cell } of series) this.inc(labels, cell.value);
      },
    });
  }

  /** A new series; make each set of labels once. */
  cell(labels: Labels): Cell {
    const cell = { value: 0 };
    this.#series.push({ labels, cell });
    return cell;
  }
}

/** One labelled distribution. */
export class HistogramCell {
  readonly counts: Float64Array;
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }
}

/** The same for histograms. */
export class LeanHistogram extends Histogram<string> {
  readonly #options: LeanOptions & { readonly buckets: readonly number[] };
  readonly #series: { readonly labels: Labels; readonly cell: HistogramCell }[] = [];

  constructor(options: LeanOptions & { readonly buckets: readonly number[] }) {
    const { registry, name, help, labelNames, buckets } = options;
    super({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [registry] });
    this.#options = options;
  }

  /** A new series; make each set of labels once. */
  cell(labels: Labels): HistogramCell {
    const cell = new HistogramCell(this.#options.buckets);
    this.#series.push({ labels, cell });
    return cell;
  }

  /** What the registry prints, and `get` lays out for its JSON, as prom-client's own histogram has it. */
  async getForPromString() {
    const { name, help } = this.#options;
    const values = this.#series.flatMap(({ labels, cell }) => this.#valuesOf(labels, cell));
    return { name, help, type: "histogram", aggregator: "sum", values };
  }

  /** @param sharedLabels one object for all values, and for good: the registry formats each that it sees once */
  #valuesOf(sharedLabels: Labels, cell: HistogramCell) {
    const { name, buckets } = this.#options;
    let count = 0;
    const values = [...buckets, "+Inf"].map((le, index) => {
      count += cell.counts[index]!;
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count, exemplar: null };
    });
    const total = (suffix: string, value: number) => ({
      metricName: `${name}_${suffix}`,
      labels: {},
      sharedLabels,
      value,
    });
    return [...values, total("sum", cell.sum), total("count", count)];
  }
}
