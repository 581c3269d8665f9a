import { randomUUID } from "node:crypto";

/** `traceparent` by W3C Trace Context, version 00: version, trace id, parent id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const NO_TRACE = "0".repeat(32);

/** Properties in which producers carry their trace context: W3C's own name, and the Azure SDKs' older one. */
const CARRIERS = ["traceparent", "Diagnostic-Id"];

/**
 * The producer's trace id from a message's application properties, or a new one: 32 hexadecimal digits.
 * A value that is not a `traceparent` counts as none: a log line needs an id, not an argument.
 */
export function traceIdOf(properties: { [name: string]: unknown } | undefined): string {
  for (const name of CARRIERS) {
    const value = properties?.[name];
    const id = typeof value === "string" ? TRACEPARENT.exec(value)?.[1] : undefined;
    if (id !== undefined && id !== NO_TRACE) return id;
  }
  return randomUUID().replaceAll("-", "");
}
