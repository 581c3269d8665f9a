/** What of a message a producer signs. */
export interface SignedPart {
  /** Queue or topic that it is sent to. */
  entity: string;
  messageId: string;
  sessionId?: string | undefined;
  partitionKey?: string | undefined;
  contentType?: string | undefined;
  subject?: string | undefined;
  correlationId?: string | undefined;
  replyTo?: string | undefined;
  replyToSessionId?: string | undefined;
  /** SHA-256 of the body, 64 hexadecimal digits. */
  bodySha256: string;
}

/** Values that an application property may have. */
export type PropertyValue = string | number | boolean | Date | null;

const FIRST_LINE = "stowage-producer-1";

/**
 * The bytes that are signed, in the form that `PRODUCER_TOKEN_PROPERTY` of the contract describes. `names` are the signed
 * properties in the order of the signature's header; undefined where one of them is not there.
 */
export function signedBytes(
  part: SignedPart,
  names: readonly string[],
  properties: { readonly [name: string]: PropertyValue },
): Uint8Array | undefined {
  const lines: [name: string, value: string][] = [
    // Service Bus compares the names of entities without case.
    ["entity", part.entity.toLowerCase()],
    ["messageId", part.messageId],
    ["sessionId", part.sessionId ?? ""],
    // In a session it is the session's id, which the service writes where the sender did not.
    ["partitionKey", part.sessionId === undefined ? (part.partitionKey ?? "") : ""],
    ["contentType", part.contentType ?? ""],
    ["subject", part.subject ?? ""],
    ["correlationId", part.correlationId ?? ""],
    ["replyTo", part.replyTo?.toLowerCase() ?? ""],
    ["replyToSessionId", part.replyToSessionId ?? ""],
    ["body", part.bodySha256],
  ];
  for (const name of names) {
    const value = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (value === undefined) return undefined;
    lines.push([`property.${encoded(name)}`, propertyText(value)]);
  }
  const text = lines.map(([name, value]) => `${name} ${encoded(value)}\n`).join("");
  return Buffer.from(`${FIRST_LINE}\n${text}`, "utf8");
}

/** The kind is part of the text: the number 5 is not the text "5". */
function propertyText(value: PropertyValue): string {
  if (value === null) return "z";
  if (value instanceof Date) return `d${Number.isNaN(value.getTime()) ? "" : value.toISOString()}`;
  if (typeof value === "string") return `s${value}`;
  return typeof value === "number" ? `n${value}` : `b${value}`;
}

function encoded(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}

/** Names of properties that are signed, in the order in which they are: what others write or rewrite is left out. */
export function signableNames(properties: { readonly [name: string]: unknown }): string[] {
  return Object.keys(properties)
    .filter((name) => !isUnsigned(name))
    .sort();
}

/** Trace context, which whoever passes a message on may rewrite, and what Stowage itself adds. */
export function isUnsigned(name: string): boolean {
  return TRACE_CONTEXT.has(name) || name.startsWith("stowage-");
}

const TRACE_CONTEXT: ReadonlySet<string> = new Set(["traceparent", "tracestate", "Diagnostic-Id"]);
