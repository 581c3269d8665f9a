import { randomUUID } from "node:crypto";

/** `traceparent` by W3C Trace Context, version 00: version, trace id, parent id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
/** Where the trace id stands in it. */
const TRACE_ID = { from: 3, to: 35 };
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
/** A version that the standard forbids. */
const NO_VERSION = "ff-";

/** Properties in which producers carry their trace context: W3C's own name, and the Azure SDKs' older one. */
const CARRIERS = ["traceparent", "Diagnostic-Id"];

/** The producer's span, as its message carries it. */
export interface ProducerContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  /** The flags of W3C Trace Context: bit 0 says that the producer's trace is sampled. */
  flags: number;
  /** What came with it in `tracestate`; absent where there is none. */
  state?: string;
}

/** The producer's context from a message's application properties; undefined where it carries none that is valid. */
export function producerContextOf(properties: { [name: string]: unknown }): ProducerContext | undefined {
  for (const name of CARRIERS) {
    const value = properties[name];
    if (typeof value !== "string" || value.startsWith(NO_VERSION)) continue;
    const [, traceId = NO_TRACE, spanId = NO_SPAN, flags = "00"] = TRACEPARENT.exec(value) ?? [];
    if (traceId === NO_TRACE || spanId === NO_SPAN) continue;
    const state = properties["tracestate"];
    const context = { traceId, spanId, flags: Number.parseInt(flags, 16) };
    return typeof state === "string" && state !== "" ? { ...context, state } : context;
  }
  return undefined;
}

/**
 * The producer's trace id from a message's application properties, or a new one: 32 hexadecimal digits.
 * A value that is not a `traceparent` counts as none: a log line needs an id, not an argument.
 */
export function traceIdOf(properties: { [name: string]: unknown } | undefined): string {
  for (const name of CARRIERS) {
    const value = properties?.[name];
    if (typeof value !== "string" || !TRACEPARENT.test(value)) continue;
    const id = value.slice(TRACE_ID.from, TRACE_ID.to);
    if (id !== NO_TRACE) return id;
  }
  return randomUUID().replaceAll("-", "");
}

/** A place in a trace as a message's application properties carry it. */
export interface CarriedContext {
  traceparent: string;
  tracestate?: string;
}

/** The place as properties. `flags` as in ProducerContext. */
export function carried({ traceId, spanId, flags, state }: ProducerContext): CarriedContext {
  const traceparent = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
  return state === undefined ? { traceparent } : { traceparent, tracestate: state };
}

/**
 * What an answer to a message carries where no span was made for it: the producer's place as it came, so that the answer
 * joins the trace that the producer began. Without one the trace id of the log's lines, not sampled.
 */
export function passedOn(message: { traceId: string; properties: { [name: string]: unknown } }): CarriedContext {
  const { traceId } = message;
  return carried(producerContextOf(message.properties) ?? { traceId, spanId: traceId.slice(16), flags: 0 });
}
