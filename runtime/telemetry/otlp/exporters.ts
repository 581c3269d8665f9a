import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Reports } from "./reports.js";

/** What an exporter's callback is given: code 0 where it succeeded. */
interface ExportResult {
  code: number;
  error?: Error;
}

/** Exports spans to an endpoint, and reports when that fails: the spans are dropped then, and work goes on. */
export function traceExporter(url: string, reports: Reports): SpanExporter {
  return watched(new OTLPTraceExporter({ url }), (why) => reports.note("traces were not exported", why));
}

/** Exports metrics to an endpoint, and reports when that fails: the next export carries the totals again. */
export function metricExporter(url: string, reports: Reports): PushMetricExporter {
  return watched(new OTLPMetricExporter({ url }), (why) => reports.note("metrics were not exported", why));
}

/** Listens in on the results of an exporter's exports. */
function watched<T, E extends { export(items: T, done: (result: ExportResult) => void): void }>(
  exporter: E,
  failed: (why: string) => void,
): E {
  const original = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    original(items, (result) => {
      if (result.code !== 0) failed(describe(result.error));
      done(result);
    });
  return exporter;
}

/** The answer's status or the system's code; not the answer's body, nor anything of the request. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return "no reason was given";
  const code = "code" in error ? String(error.code) : error.name;
  return error.message === "" || error.message.includes(code) ? error.message || code : `${code}: ${error.message}`;
}
