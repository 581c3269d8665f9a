import { describe, expect, test } from "vitest";
import { otlpSettings } from "../../../runtime/telemetry/index.js";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

/** What is refused, as `NAME: reason`, in one line. */
function refusal(env: { [name: string]: string }): string {
  try {
    otlpSettings(env);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("the environment", () => {
  test("asks for nothing where no endpoint and no exporter is named, or the SDK is disabled", () => {
    expect(otlpSettings({})).toEqual({});
    expect(otlpSettings({ OTEL_SERVICE_NAME: "orders", OTEL_TRACES_SAMPLER: "always_on" })).toEqual({});
    expect(otlpSettings({ ...ENDPOINT, OTEL_SDK_DISABLED: "true" })).toEqual({});
    expect(otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: " " })).toEqual({});
  });

  test("asks for traces and metrics where an endpoint is named, with the specification's defaults", () => {
    expect(otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/base/" })).toEqual({
      traces: {
        url: "http://collector:4318/base/v1/traces",
        sampler: "parentbased_always_on",
        ratio: 1,
        scheduleDelayMilliseconds: 5_000,
        exportTimeoutMilliseconds: 30_000,
        maxQueueSize: 2_048,
        maxExportBatchSize: 512,
      },
      metrics: {
        url: "http://collector:4318/base/v1/metrics",
        delta: false,
        intervalMilliseconds: 60_000,
        timeoutMilliseconds: 30_000,
      },
    });
  });

  test("names each signal's own endpoint, exporter and protocol before the shared ones", () => {
    const settings = otlpSettings({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example/otlp?x=1",
      OTEL_METRICS_EXPORTER: "none",
    });
    expect(settings.traces?.url).toBe("https://traces.example/otlp?x=1");
    expect(settings.metrics).toBeUndefined();
    // By the specification the exporter's own default.
    expect(otlpSettings({ OTEL_METRICS_EXPORTER: "otlp" })).toMatchObject({
      metrics: { url: "http://localhost:4318/v1/metrics" },
    });
    expect(otlpSettings({ OTEL_METRICS_EXPORTER: "otlp" }).traces).toBeUndefined();
  });

  test.each<[string, string, keyof NonNullable<ReturnType<typeof otlpSettings>["traces"]>, unknown]>([
    ["OTEL_TRACES_SAMPLER", "traceidratio", "sampler", "traceidratio"],
    ["OTEL_TRACES_SAMPLER_ARG", "0.01", "ratio", 0.01],
    ["OTEL_BSP_SCHEDULE_DELAY", "250", "scheduleDelayMilliseconds", 250],
    ["OTEL_BSP_EXPORT_TIMEOUT", "900", "exportTimeoutMilliseconds", 900],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "100", "maxQueueSize", 100],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "100", "maxExportBatchSize", 100],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64", "maxExportBatchSize", 64],
  ])("%s=%s is followed", (name, value, setting, expected) => {
    expect(otlpSettings({ ...ENDPOINT, [name]: value }).traces?.[setting]).toBe(expected);
  });

  test.each(["delta", "lowmemory", "Delta"])("sends %s where that is preferred", (preference) => {
    const name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    expect(otlpSettings({ ...ENDPOINT, [name]: preference }).metrics?.delta).toBe(true);
  });

  test("sets the interval and the time limit of metrics", () => {
    const interval = { OTEL_METRIC_EXPORT_INTERVAL: "15000" };
    expect(otlpSettings({ ...ENDPOINT, ...interval }).metrics).toMatchObject({
      intervalMilliseconds: 15_000,
      timeoutMilliseconds: 15_000,
    });
    const both = { ...interval, OTEL_METRIC_EXPORT_TIMEOUT: "5000" };
    expect(otlpSettings({ ...ENDPOINT, ...both }).metrics?.timeoutMilliseconds).toBe(5_000);
  });

  test.each([
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "must be http/protobuf"],
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "must be http/protobuf"],
    ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc", "must be http/protobuf"],
    ["OTEL_TRACES_EXPORTER", "zipkin", "must be otlp, none"],
    ["OTEL_METRICS_EXPORTER", "prometheus", "must be otlp, none"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318", "no http or https URL"],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote", "must be always_on"],
    ["OTEL_TRACES_SAMPLER_ARG", "2", "from 0 to 1"],
    ["OTEL_BSP_SCHEDULE_DELAY", "soon", "whole number"],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000", "from 1 to 2048"],
    ["OTEL_METRIC_EXPORT_INTERVAL", "0", "whole number"],
    ["OTEL_METRIC_EXPORT_TIMEOUT", "60001", "from 1 to 60000"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "whole number"],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "must be gzip, none"],
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "best", "must be cumulative, delta, lowmemory"],
    ["OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "no file that can be read"],
    ["OTEL_SDK_DISABLED", "yes", "must be true, false"],
  ])("%s=%s is refused by name, with what it may be", (name, value, reason) => {
    const words = refusal({ ...ENDPOINT, [name]: value });
    expect(words).toContain(`${name}: `);
    expect(words).toContain(reason);
    expect(words.match(/^ {2}- /gm)).toHaveLength(1);
  });

  test.each([
    ["OTEL_EXPORTER_OTLP_HEADERS", "Bearer very-secret"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%2very-secret"],
    ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "my secret=1"],
    ["OTEL_RESOURCE_ATTRIBUTES", "team=orders,secret"],
    ["OTEL_RESOURCE_ATTRIBUTES", "team=%secret"],
  ])("refuses %s where it cannot be read, and never shows it", (name, value) => {
    const words = refusal({ ...ENDPOINT, [name]: value });
    expect(words).toContain(`${name}: must be a list of NAME=VALUE`);
    expect(words).not.toContain("secret");
  });

  test("takes headers and attributes that are escaped", () => {
    expect(refusal({ ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: "a.b=c%2Cd, e=f," })).toBe("");
    expect(refusal({ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x, api-key=y" })).toBe("");
  });

  test("says everything at once", () => {
    const env = { ...ENDPOINT, OTEL_TRACES_SAMPLER: "x", OTEL_BSP_SCHEDULE_DELAY: "x", OTEL_METRICS_EXPORTER: "x" };
    expect(refusal(env)).toContain("3 problems");
  });
});
