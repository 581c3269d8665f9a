import type { METRICS, MetricName, Pipeline } from "../../../runtime/contract/index.js";

type Definitions = typeof METRICS;
type Histogram = { [N in MetricName]: Definitions[N]["type"] extends "histogram" ? N : never }[MetricName];

/** What the process itself measures, of what the dashboard and the alerts read. */
export const PROCESS_METRICS = [
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "process_start_time_seconds",
  "nodejs_heap_size_used_bytes",
  "nodejs_external_memory_bytes",
  "nodejs_eventloop_lag_p99_seconds",
] as const;

/** A series that a worker makes. A name that none of them has does not compile. */
export type SeriesName = MetricName | `${Histogram}_${"bucket" | "sum" | "count"}` | (typeof PROCESS_METRICS)[number];

/** What the expressions of a pipeline are about. */
export interface MonitoredPipeline {
  /** Kubernetes namespace of the workers: two pipelines of one name in two of them are told apart by it. */
  namespace: string;
  pipeline: Pipeline;
  /** How often the metrics are read, in seconds. */
  intervalSeconds: number;
  /** True where the workers log in with an identity. */
  identity: boolean;
  /** True where it is right that there is no worker at all. */
  mayBeEmpty: boolean;
}

/** Seconds between two readings, where nothing is said. */
export const INTERVAL_SECONDS = 30;
/** Readings that a rate is made of, one of which may fail. */
const READINGS = 4;
/** What one alert is about: not a pod, but the pipeline. */
export const POOLED = "namespace, pipeline";

/** A stretch of time in seconds that has enough readings in it. */
export function windowOf(seconds: number, intervalSeconds: number): number {
  return Math.max(seconds, READINGS * intervalSeconds);
}

/** A series of one pipeline: the operator of Prometheus gives every reading the namespace of its pod. */
export function series(
  { namespace, pipeline }: Pick<MonitoredPipeline, "namespace" | "pipeline">,
  name: SeriesName,
  ...matchers: string[]
): string {
  const of = [`namespace="${namespace}"`, `pipeline="${pipeline.name}"`, ...matchers];
  return `${name}{${of.join(",")}}`;
}

/** What of a counter is counted, and by which labels. */
export interface Happened {
  name: SeriesName;
  /** Further matchers of its labels. */
  only?: string[];
  /** Labels beside those of the pipeline. */
  by?: string[];
}

/**
 * How often something happened within the last seconds. A counter with labels begins with its first event, at 1, which
 * `increase` alone never sees: one that was not there before counts from 0. That holds where its worker was read before,
 * or is younger itself; to a Prometheus that has just begun to read, old counters are no news.
 */
export function happened(of: MonitoredPipeline, { name, only = [], by = [] }: Happened, seconds: number): string {
  const counter = series(of, name, ...only);
  const started = series(of, "process_start_time_seconds");
  const known = `(${started} offset ${seconds}s or ${started} > time() - ${seconds})`;
  const young = `((${counter} unless ${counter} offset ${seconds}s) and on (namespace, pod) ${known})`;
  return `sum by (${[POOLED, ...by].join(", ")}) (${young} or increase(${counter}[${seconds}s]))`;
}
