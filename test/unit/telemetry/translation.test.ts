import { DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { createMetrics } from "../../../runtime/telemetry/index.js";
import { RegistryProducer } from "../../../runtime/telemetry/otlp/metricProducer.js";

const UNITS: { [unit: string]: string } = { s: "seconds", By: "bytes", "1": "ratio" };

/**
 * The name that Prometheus and the collector give a metric that came over OTLP, by OpenTelemetry's specification of the
 * two formats' compatibility: the unit's word is appended where it is missing, and counters end in `_total`.
 */
function translated({ descriptor, dataPointType, ...more }: MetricData): string {
  const tokens = descriptor.name.split("_");
  const unit = descriptor.unit === "" ? undefined : (UNITS[descriptor.unit] ?? expect.fail(descriptor.unit));
  const counter = dataPointType === DataPointType.SUM && "isMonotonic" in more && more.isMonotonic;
  const named = unit === undefined || tokens.includes(unit) ? tokens : [...tokens, unit];
  return (counter ? [...named.filter((token) => token !== "total"), "total"] : named).join("_");
}

test("every metric has the same name in Prometheus, whether it is scraped or comes over OTLP", async () => {
  const metrics = createMetrics({ pipeline: "renders", sink: "gluster" });
  metrics.messages.inc({ outcome: "done" });
  metrics.storeCalls.observe({ operation: "find", result: "ok" }, 1);
  metrics.retries.inc({ code: "JobFailed" });
  for (const name of Object.keys(metrics)) Reflect.get(metrics, name);
  const { resourceMetrics } = await new RegistryProducer(metrics.registry, Date.now).collect();
  const found = resourceMetrics.scopeMetrics.flatMap(({ metrics: all }) => all);
  expect(found.length).toBeGreaterThan(30);
  for (const metric of found) expect(translated(metric)).toBe(metric.descriptor.name);
});
