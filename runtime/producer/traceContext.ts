import { context, isSpanContextValid, trace } from "@opentelemetry/api";

/** The active span as W3C Trace Context: `traceparent`, and `tracestate` where there is one. Empty without a span. */
export function traceContext(): { [name: string]: string } {
  const span = trace.getSpanContext(context.active());
  if (span === undefined || !isSpanContextValid(span)) return {};
  const flags = span.traceFlags.toString(16).padStart(2, "0");
  const state = span.traceState?.serialize() ?? "";
  return {
    traceparent: `00-${span.traceId}-${span.spanId}-${flags}`,
    ...(state === "" ? {} : { tracestate: state }),
  };
}
