import { Histogram, type HistogramConfiguration, type MetricType } from "prom-client";

/**
 * A histogram without labels whose `observe` costs two additions: prom-client's own makes and hashes a set of labels for
 * each value, and the worker observes several for each message.
 */
export class PlainHistogram extends Histogram {
  private readonly bounds: readonly number[];
  /** How many values lie at or below each bound and above the one before it; the last counts those above all. */
  private readonly counts: number[];
  private sum = 0;

  constructor(private readonly configuration: HistogramConfiguration<string> & { buckets: number[] }) {
    super(configuration);
    this.bounds = configuration.buckets;
    this.counts = Array.from({ length: this.bounds.length + 1 }, () => 0);
    // The base class has set its own one on the object, and has called `reset` before there was anything to reset.
    this.observe = (value: unknown) => this.add(Number(value));
    this.reset = () => this.clear();
  }

  private add(value: number): void {
    let at = 0;
    for (; at < this.bounds.length; at++) if (value <= (this.bounds[at] ?? 0)) break;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }

  override async get(): ReturnType<Histogram["get"]> {
    const { name, help } = this.configuration;
    let count = 0;
    const buckets = this.counts.map((more, at) => {
      count += more;
      return { metricName: `${name}_bucket`, labels: { le: this.bounds[at] ?? "+Inf" }, value: count };
    });
    const values = [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, value: this.sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    // The library's own word for it; its typings have a number instead.
    const type: MetricType = Object(this).type;
    return { name, help, type, aggregator: "sum", collect: () => undefined, values };
  }

  /** What the registry makes its text from. */
  getForPromString(): ReturnType<Histogram["get"]> {
    return this.get();
  }

  private clear(): void {
    this.counts.fill(0);
    this.sum = 0;
  }
}
