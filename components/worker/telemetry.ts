import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import type { WorkerArgs, WorkerTelemetryArgs } from "./args.js";

type Variable = inputs.core.v1.EnvVar;

const field = (name: string, fieldPath: string): Variable => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** The standard variables of OpenTelemetry, as the worker reads them; none without `telemetry`. */
export function telemetryEnvironment({ telemetry }: WorkerArgs): Variable[] {
  if (telemetry === undefined) return [];
  return [
    { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: telemetry.otlpEndpoint },
    { name: "OTEL_EXPORTER_OTLP_PROTOCOL", value: "http/protobuf" },
    { name: "OTEL_TRACES_EXPORTER", value: telemetry.traces === false ? "none" : "otlp" },
    { name: "OTEL_METRICS_EXPORTER", value: telemetry.metrics === false ? "none" : "otlp" },
    ...sampler(telemetry),
    ...headers(telemetry),
    field("POD_NAME", "metadata.name"),
    field("POD_NAMESPACE", "metadata.namespace"),
    { name: "OTEL_RESOURCE_ATTRIBUTES", value: attributes(telemetry) },
  ];
}

function sampler({ traceRatio }: WorkerTelemetryArgs): Variable[] {
  if (traceRatio === undefined) return [];
  return [
    // What the producer has decided holds for the worker: half of a trace helps nobody.
    { name: "OTEL_TRACES_SAMPLER", value: "parentbased_traceidratio" },
    { name: "OTEL_TRACES_SAMPLER_ARG", value: String(traceRatio) },
  ];
}

function headers({ headersSecret }: WorkerTelemetryArgs): Variable[] {
  if (headersSecret === undefined) return [];
  return [{ name: "OTEL_EXPORTER_OTLP_HEADERS", valueFrom: { secretKeyRef: headersSecret } }];
}

function attributes({ attributes: own = {} }: WorkerTelemetryArgs): string {
  return [
    "k8s.namespace.name=$(POD_NAMESPACE)",
    "k8s.pod.name=$(POD_NAME)",
    // A comma ends an attribute, and for `$(NAME)` Kubernetes would put in another variable's value.
    ...Object.entries(own).map(([name, value]) => `${name}=${encodeURIComponent(value)}`),
  ].join(",");
}
