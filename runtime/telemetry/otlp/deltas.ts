import type { HrTime } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";

/** A point as it was exported last. */
interface Last<T> {
  value: T;
  endTime: HrTime;
}

/**
 * What came since the last collection, for backends that take delta temporality only. Gauges stay as they are. What is
 * collected for an export that fails is lost with it, as it is with OpenTelemetry's own counters.
 */
export class DeltaProducer implements MetricProducer {
  private readonly sums = new Map<string, Last<number>>();
  private readonly histograms = new Map<string, Last<Histogram>>();

  constructor(private readonly cumulative: MetricProducer) {}

  async collect(): Promise<CollectionResult> {
    const { resourceMetrics, errors } = await this.cumulative.collect();
    const scopeMetrics = resourceMetrics.scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.map((metric) => this.since(metric)),
    }));
    return { resourceMetrics: { ...resourceMetrics, scopeMetrics }, errors };
  }

  private since(metric: MetricData): MetricData {
    const aggregationTemporality = AggregationTemporality.DELTA;
    const { name } = metric.descriptor;
    if (metric.dataPointType === DataPointType.SUM) {
      const dataPoints = metric.dataPoints.map((point) =>
        difference(name, point, this.sums, (now, then) => now - then),
      );
      return { ...metric, aggregationTemporality, dataPoints };
    }
    if (metric.dataPointType === DataPointType.HISTOGRAM) {
      const dataPoints = metric.dataPoints.map((point) => difference(name, point, this.histograms, between));
      return { ...metric, aggregationTemporality, dataPoints };
    }
    return metric;
  }
}

function difference<T>(
  name: string,
  point: DataPoint<T>,
  known: Map<string, Last<T>>,
  minus: (now: T, then: T) => T,
): DataPoint<T> {
  const key = `${name} ${JSON.stringify(point.attributes)}`;
  const last = known.get(key);
  known.set(key, { value: point.value, endTime: point.endTime });
  return last === undefined ? point : { ...point, startTime: last.endTime, value: minus(point.value, last.value) };
}

function between(now: Histogram, then: Histogram): Histogram {
  const counts = now.buckets.counts.map((count, i) => count - (then.buckets.counts[i] ?? 0));
  return {
    buckets: { boundaries: now.buckets.boundaries, counts },
    sum: (now.sum ?? 0) - (then.sum ?? 0),
    count: now.count - then.count,
  };
}
