import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { DecodedSpan } from "../support/otlp/decode.js";
import { OtlpSink } from "../support/otlp/sink.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "./workerProcess.js";

/** Does what its input says; what it reads also goes to its standard error. */
const JOB = `read -r line; echo "input was $line" >&2; case "$line" in
  refuse*) exit 65;;
  large*) yes;;
  fail*) exit 3;;
  *) echo "done: $line";;
esac`;

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER_TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "00f067aa0ba902b7";

/**
 * Names of the modules of OpenTelemetry that a process has run, by the coverage that V8 wrote; without the API's, which
 * prom-client loads for itself.
 */
function openTelemetryRun(folder: string): string[] {
  const seen = new Set<string>();
  for (const file of readdirSync(folder)) {
    const { result } = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
      result: { url: string; functions: { functionName: string; ranges: { count: number }[] }[] }[];
    };
    for (const script of result.filter(({ url }) => url.endsWith("stowage-worker.cjs")))
      for (const { functionName, ranges } of script.functions)
        if (/@opentelemetry\/(?!api\/)/.test(functionName) && (ranges[0]?.count ?? 0) > 0) seen.add(functionName);
  }
  return [...seen];
}

describe("the worker's telemetry", () => {
  let bus: BusKit;
  let kit: ProcessKit;
  let sink: OtlpSink;

  beforeAll(buildBundle);
  beforeEach(async () => {
    kit = await new ProcessKit().open();
    bus = await new BusKit().open();
    sink = await OtlpSink.start();
  });
  afterEach(async () => {
    await kit.close();
    await bus.close();
    await sink.close();
  });

  const send = (messageId: string, body: string, applicationProperties: { [name: string]: string } = {}) =>
    bus.client
      .createSender("renders")
      .sendMessages({ messageId, body: Buffer.from(`${body}\n`), applicationProperties });

  async function stopped(worker: RunningWorker): Promise<void> {
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(0);
  }

  test("follows a message from its producer's span to its settlement, and exports the last of it on SIGTERM", async () => {
    const pipeline = kit.pipeline(JOB, (p) => {
      p.delivery.attempts = 1;
    });
    const worker = kit.start(pipeline, bus.connection, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      // Later than the test: only the end of the process can bring what is expected.
      OTEL_BSP_SCHEDULE_DELAY: "3600000",
      OTEL_METRIC_EXPORT_INTERVAL: "3600000",
      OTEL_RESOURCE_ATTRIBUTES: "k8s.namespace.name=pipelines",
    });
    await send("traced", "one", { traceparent: `00-${TRACE}-${SPAN}-01` });
    await send("plain", "two");
    await send("refused", "refuse");
    const applicationProperties = { traceparent: `00-${OTHER_TRACE}-${SPAN}-01` };
    await bus.client
      .createSender("renders")
      .sendMessages({ messageId: "asking", body: "x", replyTo: "elsewhere", applicationProperties });
    await until("all are settled", () => worker.lines.filter((l) => l["msg"] === "done").length === 2);
    const dead = () => worker.lines.filter((l) => l["msg"] === "dead-lettered").length;
    await until("the poison is settled", () => dead() === 2);
    expect(sink.requests).toEqual([]);
    await stopped(worker);

    const spansOf = (messageId: string): { [name: string]: DecodedSpan } => {
      const line = worker.lines.find((l) => l["messageId"] === messageId);
      const trace = sink.spans.filter((span) => span.traceId === line?.["traceId"]);
      return Object.fromEntries(trace.map((span) => [span.name, span]));
    };
    const traced = spansOf("traced");
    expect(Object.keys(traced).sort()).toEqual([
      "complete renders",
      "find gluster",
      "process renders",
      "publish gluster",
      "receive renders",
      "stage gluster",
    ]);
    expect(traced["receive renders"]).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
    expect(traced["process renders"]?.parentSpanId).toBe(traced["receive renders"]?.spanId);
    expect(traced["publish gluster"]?.parentSpanId).toBe(traced["process renders"]?.spanId);
    expect(traced["complete renders"]?.parentSpanId).toBe(traced["receive renders"]?.spanId);
    for (const span of Object.values(traced)) expect(span.end).toBeGreaterThanOrEqual(span.start);
    // Without a producer's context the trace's id is the one in the log.
    expect(spansOf("plain")["receive renders"]).toMatchObject({ parentSpanId: "", status: 0 });
    const refused = spansOf("refused");
    expect(refused["process renders"]?.attributes["error.type"]).toBe("JobRefused");
    expect(refused["dead_letter renders"]?.attributes["messaging.servicebus.disposition_status"]).toBe("dead_letter");
    expect(refused["receive renders"]).toMatchObject({ status: 2, attributes: { "stowage.outcome": "dead_lettered" } });

    // What no sink sees has its spans all the same.
    const asking = spansOf("asking");
    expect(Object.keys(asking).sort()).toEqual(["dead_letter renders", "receive renders"]);
    expect(asking["receive renders"]).toMatchObject({ traceId: OTHER_TRACE, parentSpanId: SPAN, status: 2 });

    const outcomes = sink.metrics.get("stowage_messages_total")?.points.map((p) => [p.attributes["outcome"], p.value]);
    expect(Object.fromEntries(outcomes ?? [])).toEqual({ done: 2, dead_lettered: 2 });
    const operations = sink.metrics.get("stowage_store_call_seconds")?.points.map((p) => p.attributes["operation"]);
    expect(new Set(operations)).toEqual(new Set(["find", "stage", "publish"]));
    for (const { resource } of sink.requests)
      expect(resource).toMatchObject({ "service.name": "stowage-worker", "k8s.namespace.name": "pipelines" });
  });

  test("works on while no collector is there, says so once, and ends in time", async () => {
    const { port } = sink;
    await sink.close();
    const worker = kit.start(kit.pipeline(JOB), bus.connection, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "200",
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_METRICS_EXPORTER: "none",
    });
    for (let i = 0; i < 20; i++) await send(`m-${i}`, "one");
    await until("all are stored", () => kit.manifests().length === 20);
    await until("it says so", () => worker.line("traces were not exported") !== undefined);
    for (let i = 20; i < 40; i++) await send(`m-${i}`, "one");
    await until("all are stored", () => kit.manifests().length === 40);
    const began = performance.now();
    await stopped(worker);
    expect(performance.now() - began).toBeLessThan(8_000);
    const told = worker.lines.filter((line) => line["msg"] === "traces were not exported");
    expect(told).toHaveLength(1);
    expect(String(told[0]?.["description"])).toContain("ECONNREFUSED");
  });

  test("refuses at start what it cannot follow, with status 2 and every variable by name", async () => {
    const worker = kit.start(kit.pipeline(JOB), bus.connection, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_TRACES_SAMPLER: "sometimes",
    });
    expect(await worker.ended).toBe(2);
    expect(worker.stderr).toContain('OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf (found "grpc")');
    expect(worker.stderr).toContain("OTEL_TRACES_SAMPLER: must be always_on");
    expect(worker.lines).toEqual([]);
  });

  test.each([
    ["nothing", {}, false],
    ["an endpoint", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, true],
  ])("loads OpenTelemetry where the environment names an endpoint: %s", async (_what, environment, loaded) => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-coverage-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const named = Object.fromEntries(Object.keys(environment).map((name) => [name, sink.url]));
    const worker = kit.start(kit.pipeline(JOB), bus.connection, { NODE_V8_COVERAGE: folder, ...named });
    await send("m-1", "one");
    await until("it is stored", () => kit.manifests().length === 1);
    await stopped(worker);
    const run = openTelemetryRun(folder);
    if (loaded) expect(run.some((name) => name.includes("@opentelemetry/sdk-trace/"))).toBe(true);
    else expect(run).toEqual([]);
  });

  test("of 200 messages with secrets shows none of them: not in the log, the metrics, the spans or on standard error", async () => {
    const secret = (i: number): string => `s3cr3t-${i}-`;
    const pipeline = kit.pipeline(JOB, (p) => {
      p.delivery.attempts = 1;
      p.delivery.concurrency = 16;
      p.source.maxDeliveryCount = 3;
    });
    const worker = kit.start(pipeline, bus.connection, {
      STOWAGE_LOG_LEVEL: "debug",
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cr3t-header",
      AZURE_CLIENT_SECRET: "s3cr3t-client",
      STOWAGE_TOKEN: "s3cr3t-environment",
    });
    // Each fate: stored, refused, failing on every delivery, printing too much, asking for a reply that is not allowed.
    const kinds = ["store", "refuse", "fail", "large", "store"];
    const sender = bus.client.createSender("renders");
    await sender.sendMessages(
      Array.from({ length: 200 }, (_, i) => ({
        messageId: `m-${i}`,
        body: Buffer.from(`${kinds[i % 5]} ${secret(i)}\n`),
        applicationProperties: { authorization: `Bearer ${secret(i)}`, traceparent: `00-${TRACE}-${SPAN}-01` },
        ...(i % 5 === 4 ? { replyTo: "elsewhere" } : {}),
      })),
    );
    const value = (text: string): number => Number(/outcome="dead_lettered".*\} (\d+)\n/.exec(text)?.[1] ?? 0);
    await until("all are settled", async () => value((await worker.ask("/metrics")).text) === 160, 40);
    await until("the rest is stored", () => kit.manifests().length === 40);
    const { text } = await worker.ask("/metrics");
    await stopped(worker);
    expect(worker.lines.length).toBeGreaterThan(200);
    // The headers are what the collector is meant to get.
    const exported = sink.requests.map(({ resource, spans, metrics }) => ({ resource, spans, metrics }));
    expect(sink.spans.length).toBeGreaterThan(500);
    for (const [where, output] of Object.entries({ log: worker.lines, text, error: worker.stderr, exported }))
      expect(JSON.stringify(output).match(/.{0,80}s3cr3t.{0,40}/)?.[0], where).toBeUndefined();
    // Every line about a message carries its trace's id.
    for (const line of worker.lines.filter((l) => l["messageId"] !== undefined)) expect(line["traceId"]).toBe(TRACE);
  }, 60_000);
});
