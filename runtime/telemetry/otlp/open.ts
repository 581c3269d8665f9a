import { setTimeout as wait } from "node:timers/promises";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Registry } from "prom-client";
import { type Pipeline, sinkKind } from "../../contract/index.js";
import type { Tracing } from "../hooks.js";
import type { Logger } from "../logger.js";
import { Attribute, destinationOf, storeAttributes } from "./attributes.js";
import { DeltaProducer } from "./deltas.js";
import { metricExporter, traceExporter } from "./exporters.js";
import { RegistryProducer } from "./metricProducer.js";
import { Reports } from "./reports.js";
import { type OtlpSettings, SamplerName, type TraceSettings } from "./settings.js";
import { MessageIds, SpanTracing } from "./tracing.js";

/** What telemetry is about, and where its own troubles are told. */
export interface OtlpSources {
  pipeline: Pipeline;
  /** Host of the namespace. */
  host: string;
  /** Name of the pod. */
  worker: string;
  /** What the metrics are taken from. */
  registry: Registry;
  logger: Logger;
}

/** Telemetry that is being exported. */
export interface OpenOtlp {
  /** Absent where traces are off. */
  tracing?: Tracing;
  /** Exports the metrics a last time, within a bounded time, and ends; the spans end with `tracing`. Never rejects. */
  close(): Promise<void>;
}

/** How long the last export may take at the end, in milliseconds: a collector that is away must not hold the pod. */
const CLOSE_MILLISECONDS = 3_000;
/** A batch may hold all messages that a worker may have in work, each a link; the SDK's own limit is 128. */
const LINKS = 2_048;

/** Starts what the settings ask for. This module loads OpenTelemetry: it is to be imported where there are settings. */
export function openOtlp(settings: OtlpSettings, sources: OtlpSources): OpenOtlp {
  const reports = new Reports(sources.logger, () => performance.now());
  listen(reports);
  const resource = resourceOf(sources);
  const metrics = settings.metrics && openMetrics(settings.metrics, resource, sources, reports);
  const tracing = settings.traces && openTraces(settings.traces, resource, sources, reports);
  return { ...(tracing === undefined ? {} : { tracing }), close: async () => metrics?.close() };
}

function openTraces(settings: TraceSettings, resource: Resource, sources: OtlpSources, reports: Reports): Tracing {
  const ids = new MessageIds();
  const sampler = samplerOf(settings);
  const provider = new TracerProvider({
    resource,
    sampler,
    idGenerator: ids,
    spanLimits: { linkCountLimit: LINKS },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: traceExporter(settings.url, reports),
        scheduledDelayMillis: settings.scheduleDelayMilliseconds,
        exportTimeoutMillis: settings.exportTimeoutMilliseconds,
        maxQueueSize: settings.maxQueueSize,
        maxExportBatchSize: settings.maxExportBatchSize,
      }),
    ],
  });
  const { pipeline, host } = sources;
  const { cassandra } = pipeline.sink;
  const name = cassandra === undefined ? sinkKind(pipeline) : `${cassandra.table.keyspace}.${cassandra.table.name}`;
  return new SpanTracing({
    tracer: provider.getTracer("stowage"),
    sampler,
    ids,
    destination: destinationOf(pipeline, host),
    store: { name, attributes: storeAttributes(pipeline) },
    close: once(() => bounded(provider.shutdown())),
  });
}

function openMetrics(
  settings: NonNullable<OtlpSettings["metrics"]>,
  resource: Resource,
  { registry }: OtlpSources,
  reports: Reports,
): { close(): Promise<void> } {
  const totals = new RegistryProducer(registry, Date.now);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter(settings.url, reports),
    exportIntervalMillis: settings.intervalMilliseconds,
    exportTimeoutMillis: settings.timeoutMilliseconds,
    metricProducers: [settings.delta ? new DeltaProducer(totals) : totals],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return { close: once(() => bounded(provider.shutdown())) };
}

/** What the environment says about the resource comes before what is known without it. */
function resourceOf({ pipeline, worker }: OtlpSources): Resource {
  const own = resourceFromAttributes({
    "service.name": "stowage-worker",
    "service.instance.id": worker,
    "stowage.pipeline": pipeline.name,
    [Attribute.Sink]: sinkKind(pipeline),
  });
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  return defaultResource().merge(own).merge(detectResources({ detectors }));
}

function samplerOf({ sampler, ratio }: TraceSettings): Sampler {
  const roots: { [name in SamplerName]: () => Sampler } = {
    [SamplerName.AlwaysOn]: () => new AlwaysOnSampler(),
    [SamplerName.AlwaysOff]: () => new AlwaysOffSampler(),
    [SamplerName.Ratio]: () => new TraceIdRatioBasedSampler(ratio),
    [SamplerName.ParentAlwaysOn]: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    [SamplerName.ParentAlwaysOff]: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
    [SamplerName.ParentRatio]: () => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
  };
  return roots[sampler]();
}

/**
 * The SDK's warnings: spans that were dropped because the queue was full, answers that say that a part was refused. Its
 * errors are the failed exports, which are reported with the exporter.
 */
function listen(reports: Reports): void {
  const nothing = (): void => undefined;
  const warn = (message: string, ...more: unknown[]): void =>
    reports.note("telemetry is not complete", [message, ...more.filter((part) => typeof part === "string")].join(" "));
  diag.setLogger(
    { error: nothing, warn, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** Whoever closes again waits for the same end. */
function once(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () => {
    closing ??= close();
    return closing;
  };
}

async function bounded(ending: Promise<void>): Promise<void> {
  const limit = new AbortController();
  const ended = ending.catch(() => undefined).finally(() => limit.abort());
  await Promise.race([ended, wait(CLOSE_MILLISECONDS, undefined, { signal: limit.signal }).catch(() => undefined)]);
}
