import pino from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createMetrics, otlpSettings } from "../../../runtime/telemetry/index.js";
import { type OpenOtlp, openOtlp } from "../../../runtime/telemetry/otlp/open.js";
import { Reports } from "../../../runtime/telemetry/otlp/reports.js";
import type { DecodedMetric } from "../../support/otlp/decode.js";
import { OtlpSink } from "../../support/otlp/sink.js";
import { pipelineOf, sinkMessage } from "../bus/fakes.js";

const SECRET = "hunter2";

describe("telemetry over OTLP", () => {
  let sink: OtlpSink;
  let open: OpenOtlp[];
  let lines: { [field: string]: unknown }[];

  beforeEach(async () => {
    sink = await OtlpSink.start();
    open = [];
    lines = [];
  });
  afterEach(async () => {
    await Promise.all(open.flatMap((each) => [each.tracing?.close(), each.close()]));
    await sink.close();
    vi.unstubAllEnvs();
  });

  /** Opens what the variables ask for. */
  function opened(env: { [name: string]: string }, metrics = createMetrics({ pipeline: "renders", sink: "gluster" })) {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const otlp = openOtlp(otlpSettings(process.env), {
      pipeline: pipelineOf(),
      host: "contoso.servicebus.windows.net",
      worker: "pod-7",
      registry: metrics.registry,
      logger,
    });
    open.push(otlp);
    const tracing = otlp.tracing ?? expect.fail("no tracing");
    const deliver = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const message = sinkMessage({ messageId: `m-${i}` });
        tracing.begin(message);
        tracing.end(message, "done");
      }
    };
    return { otlp, tracing, metrics, deliver };
  }

  test("sends spans with the resource, by the variables' service name, attributes, headers and compression", async () => {
    const { tracing, deliver } = opened({
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_METRICS_EXPORTER: "none",
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${SECRET}`,
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
      OTEL_SERVICE_NAME: "orders",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,service.name=other",
    });
    deliver(3);
    await tracing.close();
    expect(sink.requests).toHaveLength(1);
    const [request = expect.fail("none")] = sink.requests;
    expect(request.path).toBe("/v1/traces");
    expect(request.headers).toMatchObject({
      "content-type": "application/x-protobuf",
      "content-encoding": "gzip",
      authorization: `Bearer ${SECRET}`,
    });
    expect(request.resource).toMatchObject({
      "service.name": "orders",
      "service.instance.id": "pod-7",
      "deployment.environment.name": "test",
      "telemetry.sdk.name": "opentelemetry",
      "stowage.pipeline": "renders",
      "stowage.sink": "gluster",
    });
    expect(request.spans).toHaveLength(3);
    expect(request.spans[0]).toMatchObject({ name: "receive renders", kind: 3, parentSpanId: "", status: 0 });
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });

  test("is named stowage-worker where the environment gives no name", async () => {
    const { tracing, deliver } = opened({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${sink.url}/own/path` });
    deliver(1);
    await tracing.close();
    expect(sink.requests[0]).toMatchObject({ path: "/own/path", resource: { "service.name": "stowage-worker" } });
  });

  test("links a batch of 500 with every message", async () => {
    const { tracing } = opened({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_METRICS_EXPORTER: "none" });
    const batch = Array.from({ length: 500 }, (_, i) => sinkMessage({ messageId: `m-${i}` }));
    for (const message of batch) tracing.begin(message);
    await tracing.process(batch, async () => batch.map(() => ({ kind: "done", duplicate: false })));
    for (const message of batch) tracing.end(message, "done");
    await tracing.close();
    const process = sink.spans.find((span) => span.name === "process renders");
    expect(new Set(process?.links.map(({ attributes }) => attributes["messaging.message.id"])).size).toBe(500);
  });

  test.each([
    ["always_off", "", 0, 0],
    ["traceidratio", "0.5", 350, 650],
    ["parentbased_traceidratio", "0", 0, 0],
    ["always_on", "", 1_000, 1_000],
  ])("keeps by the sampler %s %s between %i and %i of 1,000 traces", async (sampler, argument, least, most) => {
    const { tracing } = opened({
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_SAMPLER: sampler },
      ...(argument === "" ? {} : { OTEL_TRACES_SAMPLER_ARG: argument }),
    });
    for (let i = 0; i < 1_000; i++) {
      const traceId = crypto.randomUUID().replaceAll("-", "");
      const message = sinkMessage({ traceId });
      tracing.begin(message);
      tracing.end(message, "done");
    }
    await tracing.close();
    expect(sink.spans.length).toBeGreaterThanOrEqual(least);
    expect(sink.spans.length).toBeLessThanOrEqual(most);
  });

  test("says once that spans were dropped because the queue was full, and how many", async () => {
    const { tracing, deliver } = opened({
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_METRICS_EXPORTER: "none",
      OTEL_BSP_MAX_QUEUE_SIZE: "10",
      OTEL_BSP_SCHEDULE_DELAY: "3600000",
    });
    sink.silent = true;
    deliver(30);
    sink.silent = false;
    await expect.poll(() => sink.requests.length).toBeGreaterThan(0);
    deliver(1);
    await tracing.close();
    expect(lines).toMatchObject([
      { level: 40, msg: "telemetry is not complete", description: expect.stringMatching(/^Dropped \d+ spans/) },
    ]);
  });

  test("carries the registry's metrics as /metrics serves them: names, labels, values, buckets, units, help", async () => {
    const metrics = createMetrics({ pipeline: "renders", sink: "gluster" });
    metrics.messages.inc({ outcome: "done" }, 5);
    metrics.messages.inc({ outcome: "abandoned" }, 2);
    for (const [operation, seconds] of [
      ["publish", 0.003] as const,
      ["publish", 0.004] as const,
      ["find", 70] as const,
    ])
      metrics.storeCalls.observe({ operation, result: "ok" }, seconds);
    metrics.lockDuration.set(30);
    metrics.queueMessages.set({ state: "active" }, 12);
    const before = Date.now() * 1e6;
    const { otlp } = opened({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, metrics);
    await otlp.close();
    const found = sink.metrics;
    const one = (name: string): DecodedMetric => found.get(name) ?? expect.fail(`${name} was not exported`);
    const labels = { pipeline: "renders", sink: "gluster" };

    const messages = one("stowage_messages_total");
    expect(messages).toMatchObject({ type: "sum", monotonic: true, temporality: 2, unit: "" });
    expect(messages.description).toBe("Deliveries by what became of them.");
    expect(messages.points).toMatchObject([
      { attributes: { ...labels, outcome: "done" }, value: 5 },
      { attributes: { ...labels, outcome: "abandoned" }, value: 2 },
    ]);
    for (const { start, time } of messages.points) {
      expect(time).toBeGreaterThanOrEqual(before - 1e6);
      expect(start).toBeLessThanOrEqual(time);
    }

    const calls = one("stowage_store_call_seconds");
    expect(calls).toMatchObject({ type: "histogram", temporality: 2, unit: "s" });
    const publish = calls.points.find(({ attributes }) => attributes["operation"] === "publish");
    expect(publish).toMatchObject({ attributes: { ...labels, result: "ok" }, count: 2 });
    expect(publish?.sum).toBeCloseTo(0.007);
    expect(publish?.bounds?.slice(0, 4)).toEqual([0.001, 0.0025, 0.005, 0.01]);
    expect(publish?.counts).toEqual([0, 0, 2, ...Array(13).fill(0)]);
    const find = calls.points.find(({ attributes }) => attributes["operation"] === "find");
    expect(find?.counts).toEqual([...Array(15).fill(0), 1]);

    expect(one("stowage_lock_duration_seconds")).toMatchObject({ type: "gauge", unit: "s", points: [{ value: 30 }] });
    expect(one("stowage_queue_messages").points).toMatchObject([{ attributes: { state: "active" }, value: 12 }]);
    expect(one("process_resident_memory_bytes").unit).toBe("By");
    expect(one("nodejs_eventloop_lag_p99_seconds").unit).toBe("s");
    // Everything is there, and nothing else. Mean and deviation of no sample since the last look are no numbers.
    const text = await metrics.registry.metrics();
    // Nor is the first collection of garbage, which may come between the export and the text.
    const steady = (name: string): boolean => !/_lag_(mean|stddev)_|_gc_duration_/.test(name);
    const names = [...text.matchAll(/^# TYPE (\w+) \w+\n(?!#|\n|$)/gm)].map((match) => match[1] ?? "");
    expect([...found.keys()].filter(steady).sort()).toEqual(names.filter(steady).sort());
    expect(sink.requests.at(-1)?.resource).toMatchObject({ "service.instance.id": "pod-7" });
  });

  test("sends metrics at their interval, each time the totals so far", async () => {
    const { metrics } = opened({
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.url}/v1/metrics`,
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    });
    const total = (): number | undefined => sink.metrics.get("stowage_messages_total")?.points[0]?.value;
    metrics.messages.inc({ outcome: "done" });
    await expect.poll(total).toBe(1);
    metrics.messages.inc({ outcome: "done" });
    await expect.poll(total).toBe(2);
  });

  test("sends what came since the last time where the backend prefers delta", async () => {
    const metrics = createMetrics({ pipeline: "renders", sink: "gluster" });
    const add = (count: number, seconds: number): void => {
      metrics.messages.inc({ outcome: "done" }, count);
      metrics.sinkSeconds.observe(seconds);
      metrics.lockDuration.set(count);
    };
    add(5, 0.02);
    opened(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
        OTEL_METRIC_EXPORT_INTERVAL: "100",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
      },
      metrics,
    );
    const exports = () => sink.requests.filter((request) => request.metrics.length > 0);
    await expect.poll(() => exports().length).toBeGreaterThan(0);
    add(2, 0.2);
    const before = exports().length;
    await expect.poll(() => exports().length).toBeGreaterThan(before + 1);
    const points = (name: string) =>
      exports().flatMap((request) => request.metrics.find((metric) => metric.name === name)?.points[0] ?? []);
    const of = exports()[0]?.metrics.find((metric) => metric.name === "stowage_messages_total");
    expect(of).toMatchObject({ temporality: 1, monotonic: true });
    const values = points("stowage_messages_total").map((point) => point.value);
    expect(values.filter((value) => value !== 0)).toEqual([5, 2]);
    expect(points("stowage_lock_duration_seconds").at(-1)?.value).toBe(2);
    const sinkSeconds = points("stowage_sink_seconds");
    expect(sinkSeconds.map((point) => point.count).filter((count) => count !== 0)).toEqual([1, 1]);
    const second = sinkSeconds.findLast((point) => point.count === 1);
    expect(second?.sum).toBeCloseTo(0.2);
    expect(second?.counts?.indexOf(1)).toBe(second?.bounds?.indexOf(0.25));
    const times = points("stowage_messages_total");
    for (const [i, { start }] of times.entries()) if (i > 0) expect(start).toBe(times[i - 1]?.time);
  });

  test("of a collector that refuses is one line, without header and body, and ends in time where it never answers", async () => {
    sink.status = 403;
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_HEADERS: `api-key=${SECRET}`,
      OTEL_BSP_SCHEDULE_DELAY: "10",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    };
    const { otlp, tracing, deliver } = opened(env);
    for (let i = 0; i < 3; i++) {
      deliver(1);
      await expect.poll(() => sink.requests.filter((r) => r.path === "/v1/traces").length).toBe(i + 1);
    }
    const told = (what: string) => lines.filter((line) => line["msg"] === what);
    await expect.poll(() => told("metrics were not exported").length).toBe(1);
    expect(told("traces were not exported")).toHaveLength(1);
    expect(told("traces were not exported")[0]).toMatchObject({ level: 40, times: 1, description: "403: Forbidden" });
    expect(JSON.stringify(lines)).not.toContain(SECRET);

    sink.silent = true;
    deliver(1);
    const began = performance.now();
    await Promise.all([tracing.close(), otlp.close()]);
    expect(performance.now() - began).toBeLessThan(8_000);
  });
});

describe("troubles of telemetry", () => {
  test("are a line a minute of each kind, with how often they happened since the last", () => {
    const lines: object[] = [];
    let now = 0;
    const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const reports = new Reports(logger, () => now);
    for (let i = 0; i < 100; i++) reports.note("traces were not exported", "ECONNREFUSED\nsecond line");
    reports.note("metrics were not exported", "x".repeat(1_000));
    now = 59_999;
    reports.note("traces were not exported", "ECONNREFUSED");
    now = 60_000;
    reports.note("traces were not exported", "ENOTFOUND");
    expect(lines).toMatchObject([
      { msg: "traces were not exported", times: 1, description: "ECONNREFUSED" },
      { msg: "metrics were not exported", times: 1, description: "x".repeat(300) },
      { msg: "traces were not exported", times: 101, description: "ENOTFOUND" },
    ]);
  });
});
