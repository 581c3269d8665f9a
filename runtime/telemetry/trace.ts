import { randomUUID } from "node:crypto";

/**
 * `traceparent` by W3C Trace Context, version 00: version, trace id, parent id and flags, with a dash between two of them.
 * Later versions may add to its end.
 */
const LENGTH = 55;
const TRACE_ID = { from: 3, to: 35 };
const SPAN_ID = { from: 36, to: 52 };
const FLAGS = { from: 53, to: LENGTH };
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const [DASH, ZERO, NINE, SMALL_A, SMALL_F] = [0x2d, 0x30, 0x39, 0x61, 0x66];
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
export function producerContextOf(properties: { readonly [name: string]: unknown }): ProducerContext | undefined {
  const text = producerText(properties);
  if (text === undefined) return undefined;
  const state = properties["tracestate"];
  const context = {
    traceId: text.slice(TRACE_ID.from, TRACE_ID.to),
    spanId: text.slice(SPAN_ID.from, SPAN_ID.to),
    flags: flagsIn(text),
  };
  return typeof state === "string" && state !== "" ? { ...context, state } : context;
}

/** Of the producer's context what decides whether its trace is kept, at the least cost; undefined where there is none. */
export function producerTraceOf(properties: {
  readonly [name: string]: unknown;
}): Pick<ProducerContext, "traceId" | "flags"> | undefined {
  const text = producerText(properties);
  return text === undefined ? undefined : { traceId: text.slice(TRACE_ID.from, TRACE_ID.to), flags: flagsIn(text) };
}

function producerText(properties: { readonly [name: string]: unknown }): string | undefined {
  for (const name of CARRIERS) {
    const value = properties[name];
    if (typeof value !== "string" || !isTraceparent(value) || value.startsWith(NO_VERSION)) continue;
    if (!value.startsWith(NO_TRACE, TRACE_ID.from) && !value.startsWith(NO_SPAN, SPAN_ID.from)) return value;
  }
  return undefined;
}

function flagsIn(traceparent: string): number {
  return Number.parseInt(traceparent.slice(FLAGS.from, FLAGS.to), 16);
}

/** Character by character: each message is asked this, and a regular expression takes several times as long. */
function isTraceparent(text: string): boolean {
  if (text.length < LENGTH) return false;
  for (let at = 0; at < LENGTH; at++) {
    const code = text.charCodeAt(at);
    if (at === TRACE_ID.from - 1 || at === TRACE_ID.to || at === SPAN_ID.to) {
      if (code !== DASH) return false;
    } else if (!((code >= ZERO && code <= NINE) || (code >= SMALL_A && code <= SMALL_F))) return false;
  }
  return true;
}

/**
 * The producer's trace id from a message's application properties, or a new one: 32 hexadecimal digits.
 * A value that is not a `traceparent` counts as none: a log line needs an id, not an argument.
 */
export function traceIdOf(properties: { [name: string]: unknown } | undefined): string {
  for (const name of CARRIERS) {
    const value = properties?.[name];
    if (typeof value !== "string" || !isTraceparent(value) || value.startsWith(NO_TRACE, TRACE_ID.from)) continue;
    return value.slice(TRACE_ID.from, TRACE_ID.to);
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
