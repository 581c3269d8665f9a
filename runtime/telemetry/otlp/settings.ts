import { accessSync, constants } from "node:fs";
import { InvalidInputError, type Problem, problem } from "../../contract/index.js";

/** An environment: names and values. */
export interface Environment {
  [name: string]: string | undefined;
}

/** Which traces are kept, by OpenTelemetry's own names. */
export const SamplerName = {
  AlwaysOn: "always_on",
  AlwaysOff: "always_off",
  Ratio: "traceidratio",
  ParentAlwaysOn: "parentbased_always_on",
  ParentAlwaysOff: "parentbased_always_off",
  ParentRatio: "parentbased_traceidratio",
} as const;
export type SamplerName = (typeof SamplerName)[keyof typeof SamplerName];

/** How spans are sampled, gathered and sent. */
export interface TraceSettings {
  /** Where OTLP is sent to: an http or https URL with its path. */
  url: string;
  sampler: SamplerName;
  /** Share of the traces that a ratio sampler keeps, 0 to 1. */
  ratio: number;
  /** Wait between two exports, in milliseconds. */
  scheduleDelayMilliseconds: number;
  exportTimeoutMilliseconds: number;
  /** Spans that may wait; more are dropped, and said so. */
  maxQueueSize: number;
  maxExportBatchSize: number;
}

/** How metrics are sent. */
export interface MetricSettings {
  url: string;
  /** True to send what came since the last export, false to send the totals. */
  delta: boolean;
  intervalMilliseconds: number;
  timeoutMilliseconds: number;
}

/** What is exported over OTLP; a part that is off is absent. */
export interface OtlpSettings {
  traces?: TraceSettings;
  metrics?: MetricSettings;
}

/** Parts of the names that are a signal's own. */
type Signal = "TRACES" | "METRICS";

const PROTOCOL = "http/protobuf";
/** A token by RFC 9110; the name of an attribute is any text. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const ATTRIBUTE_NAME = /\S/;
/** Where a collector listens by the specification. */
const COLLECTOR = "http://localhost:4318";

/**
 * What the standard variables of OpenTelemetry ask for; nothing where none of them names an endpoint or an exporter.
 * Throws an InvalidInputError with every value that cannot be followed: by the specification most of them would be
 * ignored, and telemetry missing in silence. Headers, compression and certificates are read by the exporter itself.
 */
export function otlpSettings(env: Environment): OtlpSettings {
  const reader = new Reader(env);
  const settings = reader.boolean("OTEL_SDK_DISABLED") ? {} : { ...reader.traces(), ...reader.metrics() };
  if (reader.problems.length > 0) throw new InvalidInputError("Invalid environment", reader.problems);
  return settings;
}

class Reader {
  readonly problems: Problem[] = [];

  constructor(private readonly env: Environment) {}

  boolean(name: string): boolean {
    return this.oneOf(name, ["true", "false"], "false") === "true";
  }

  traces(): { traces?: TraceSettings } {
    const url = this.url("TRACES", "v1/traces");
    if (url === undefined) return {};
    const sampler = this.oneOf("OTEL_TRACES_SAMPLER", Object.values(SamplerName), SamplerName.ParentAlwaysOn);
    const maxQueueSize = this.number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048, 1, 1_000_000);
    const traces = {
      url,
      sampler,
      ratio: this.ratio(),
      scheduleDelayMilliseconds: this.number("OTEL_BSP_SCHEDULE_DELAY", 5_000, 1, 3_600_000),
      exportTimeoutMilliseconds: this.number("OTEL_BSP_EXPORT_TIMEOUT", 30_000, 1, 3_600_000),
      maxQueueSize,
      maxExportBatchSize: this.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Math.min(512, maxQueueSize), 1, maxQueueSize),
    };
    return { traces };
  }

  metrics(): { metrics?: MetricSettings } {
    const url = this.url("METRICS", "v1/metrics");
    if (url === undefined) return {};
    // Without asynchronous counters of its own, "lowmemory" is the same as "delta" here.
    const temporalities = ["cumulative", "delta", "lowmemory"] as const;
    const preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    const delta = this.oneOf(preference, temporalities, "cumulative") !== "cumulative";
    const intervalMilliseconds = this.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 100, 3_600_000);
    const timeout = Math.min(30_000, intervalMilliseconds);
    const timeoutMilliseconds = this.number("OTEL_METRIC_EXPORT_TIMEOUT", timeout, 1, intervalMilliseconds);
    return { metrics: { url, delta, intervalMilliseconds, timeoutMilliseconds } };
  }

  /** Where a signal goes; undefined where it is off. */
  private url(signal: Signal, path: string): string | undefined {
    const exporter = this.oneOf(`OTEL_${signal}_EXPORTER`, ["otlp", "none", ""], "");
    if (exporter === "none") return undefined;
    const own = this.endpoint(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
    const shared = this.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (own === undefined && shared === undefined && exporter === "") return undefined;
    this.transport(signal);
    return own ?? `${(shared ?? COLLECTOR).replace(/\/+$/, "")}/${path}`;
  }

  /** How a signal is sent: by its own variable where that is set, else by the one for all. */
  private transport(signal: Signal): void {
    const effective = (what: string): string => {
      const own = `OTEL_EXPORTER_OTLP_${signal}_${what}`;
      return this.value(own) === undefined ? `OTEL_EXPORTER_OTLP_${what}` : own;
    };
    this.oneOf(effective("PROTOCOL"), [PROTOCOL], PROTOCOL);
    this.oneOf(effective("COMPRESSION"), ["gzip", "none"], "none");
    this.number(effective("TIMEOUT"), 10_000, 1, 3_600_000);
    this.pairs(effective("HEADERS"), HEADER_NAME);
    this.pairs("OTEL_RESOURCE_ATTRIBUTES", ATTRIBUTE_NAME);
    for (const file of ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"]) this.readable(effective(file));
  }

  private endpoint(name: string): string | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return text;
    this.refuse(name, undefined, "is no http or https URL", "Give it as http://collector:4318");
    return undefined;
  }

  private oneOf<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const text = this.value(name);
    if (text === undefined) return otherwise;
    const found = allowed.find((value) => value === text.toLowerCase());
    if (found !== undefined) return found;
    const words = allowed.filter((value) => value !== "").join(", ");
    this.refuse(name, text, `must be ${words}`, "Change it, or leave it out");
    return otherwise;
  }

  private number(name: string, otherwise: number, least: number, most: number): number {
    const text = this.value(name);
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    this.refuse(name, text, `must be a whole number from ${least} to ${most}`, "Change it, or leave it out");
    return otherwise;
  }

  private ratio(): number {
    const text = this.value("OTEL_TRACES_SAMPLER_ARG");
    const value = Number(text ?? 1);
    if (value >= 0 && value <= 1) return value;
    this.refuse("OTEL_TRACES_SAMPLER_ARG", text, "must be a number from 0 to 1", "Give the share of traces to keep");
    return 1;
  }

  /** Pairs of names and values, escaped as in a URL; what is wrong is said without either: values may be secrets. */
  private pairs(name: string, key: RegExp): void {
    const pairs = (this.value(name) ?? "").split(",").filter((pair) => pair.trim() !== "");
    if (pairs.every((pair) => isPair(pair, key))) return;
    this.refuse(name, undefined, "must be a list of NAME=VALUE, with commas between them", "Escape values as in a URL");
  }

  private readable(name: string): void {
    const path = this.value(name);
    if (path === undefined) return;
    try {
      accessSync(path, constants.R_OK);
    } catch {
      this.refuse(name, path, "is no file that can be read", "Give the path of a PEM file");
    }
  }

  /** By the specification an empty value is as good as none. */
  private value(name: string): string | undefined {
    const text = this.env[name]?.trim();
    return text === "" ? undefined : text;
  }

  private refuse(name: string, value: string | undefined, reason: string, fix: string): void {
    if (!this.problems.some((known) => known.path === name)) this.problems.push(problem(name, value, reason, fix));
  }
}

function isPair(pair: string, key: RegExp): boolean {
  const at = pair.indexOf("=");
  if (at < 0 || !key.test(pair.slice(0, at).trim())) return false;
  try {
    decodeURIComponent(pair.slice(at + 1));
    return true;
  } catch {
    return false;
  }
}
