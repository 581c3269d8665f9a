import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import type { MetricObjectWithValues, MetricValue, MetricValueWithName, Registry } from "prom-client";

/** Units by the end of a metric's name, in UCUM's words. */
const UNITS: readonly [RegExp, string][] = [
  [/_seconds(_total)?$/, "s"],
  [/_bytes(_total)?$/, "By"],
];

type Values = MetricObjectWithValues<MetricValue<string>>;

/** Times of a data point. */
interface Span {
  startTime: HrTime;
  endTime: HrTime;
}

/**
 * The metrics of a registry as OpenTelemetry's data: the same names, labels, buckets and values that `/metrics` serves,
 * cumulative since the process began, so that dashboards and alerts hold whichever way the numbers came.
 */
export class RegistryProducer implements MetricProducer {
  private readonly began: HrTime;

  /** `now` gives milliseconds since 1970. */
  constructor(
    private readonly registry: Registry,
    private readonly now: () => number,
  ) {
    this.began = hrTime(now());
  }

  async collect(): Promise<CollectionResult> {
    const values: Values[] = await this.registry.getMetricsAsJSON().then((all) => all.filter(hasValues));
    const span = { startTime: this.began, endTime: hrTime(this.now()) };
    const metrics = values.flatMap((metric) => {
      const data = metricData(metric, span);
      return data.dataPoints.length === 0 ? [] : [data];
    });
    const scopeMetrics = [{ scope: { name: "stowage" }, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }
}

function hasValues(metric: object): metric is Values {
  return "values" in metric && Array.isArray(metric.values);
}

function metricData(metric: Values, span: Span): MetricData {
  const { name, help: description } = metric;
  const unit = UNITS.find(([end]) => end.test(name))?.[1] ?? "";
  const base = {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  // By prom-client's types `type` is a number; it is the word.
  const type = String(metric.type);
  if (type === "histogram")
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(metric.values, span) };
  const dataPoints = metric.values
    // A minimum of nothing is no number.
    .filter(({ value }) => Number.isFinite(value))
    .map(({ labels, value }) => ({ ...span, attributes: attributesOf(labels), value }));
  return type === "counter"
    ? { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
    : { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
}

/** One histogram for each set of labels. Prometheus's buckets count all below their bound; these count their own. */
function histograms(values: MetricValue<string>[], span: Span) {
  const found = new Map<string, { attributes: Attributes; bounds: [bound: number, count: number][]; sum: number }>();
  for (const value of values) {
    const { le, ...labels } = value.labels;
    const attributes = attributesOf(labels);
    const key = JSON.stringify(attributes);
    const histogram = found.get(key) ?? { attributes, bounds: [], sum: 0 };
    found.set(key, histogram);
    if (le !== undefined) histogram.bounds.push([le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), value.value]);
    else if (nameOf(value).endsWith("_sum")) histogram.sum = value.value;
  }
  return [...found.values()].map(({ attributes, bounds, sum }) => ({
    ...span,
    attributes,
    value: histogramOf(bounds, sum),
  }));
}

function histogramOf(bounds: [bound: number, count: number][], sum: number): Histogram {
  const sorted = bounds.toSorted(([a], [b]) => a - b);
  const counts = sorted.map(([, count], i) => count - (sorted[i - 1]?.[1] ?? 0));
  const boundaries = sorted.map(([bound]) => bound).filter(Number.isFinite);
  return { buckets: { boundaries, counts }, sum, count: sorted.at(-1)?.[1] ?? 0 };
}

function nameOf(value: MetricValue<string>): string {
  return (value as MetricValueWithName<string>).metricName ?? "";
}

function attributesOf(labels: MetricValue<string>["labels"]): Attributes {
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );
}

function hrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, Math.round((milliseconds - seconds * 1000) * 1e6)];
}
