import { type MonitoredPipeline, type SeriesName, series } from "./promql.js";

/** One line, or one set of lines, of a panel. */
export interface PanelQuery {
  expr: string;
  /** What a line is called, with the labels of its series: `{{outcome}}`. */
  legend: string;
}

/** A panel of the dashboard. */
export interface PanelDefinition {
  title: string;
  /** What it shows, and what to look for. */
  description: string;
  /** Unit by Grafana's own ids. */
  unit: string;
  /** As text where it is a name and no course of time. */
  kind?: "text";
  queries: PanelQuery[];
}

/** Panels that belong together. */
export interface PanelRow {
  title: string;
  panels: PanelDefinition[];
}

/** Grafana's word for a stretch with enough readings in it, at the zoom that is looked at. */
export const RATE_WINDOW = "$__rate_interval";
/** The dashboard's variable of pods. */
export const POD_VARIABLE = "pod";

/** Quantiles that are shown of durations and ages. */
const QUANTILES = [
  { name: "p50", value: 0.5 },
  { name: "p99", value: 0.99 },
];

/** What a panel is about. */
export type Of = MonitoredPipeline;

/** A series of the pods that are looked at. */
export const of = (pipeline: Of, name: SeriesName, ...matchers: string[]) =>
  series(pipeline, name, `${POD_VARIABLE}=~"$${POD_VARIABLE}"`, ...matchers);
/** Its rate, over a stretch with enough readings. */
export const rate = (pipeline: Of, name: SeriesName, ...matchers: string[]) =>
  `rate(${of(pipeline, name, ...matchers)}[${RATE_WINDOW}])`;
/** The sum over the pods, by some labels. */
export const sum = (what: string, by?: string) => (by === undefined ? `sum(${what})` : `sum by (${by}) (${what})`);

/** Median and 99th percentile of a histogram, each by some labels. */
export function quantiles(pipeline: Of, name: Parameters<typeof bucketsOf>[0], by?: string): PanelQuery[] {
  const buckets = rate(pipeline, bucketsOf(name));
  const labels = by === undefined ? "le" : `le, ${by}`;
  return QUANTILES.map((quantile) => ({
    expr: `histogram_quantile(${quantile.value}, ${sum(buckets, labels)})`,
    legend: by === undefined ? quantile.name : `{{${by}}} ${quantile.name}`,
  }));
}

type BucketOf<N> = N extends `${infer Base}_bucket` ? Base : never;
function bucketsOf(name: BucketOf<SeriesName>): SeriesName {
  return `${name}_bucket`;
}

/** A panel with one query. */
export function one(title: string, unit: string, description: string, expr: string, legend: string): PanelDefinition {
  return { title, unit, description, queries: [{ expr, legend }] };
}
