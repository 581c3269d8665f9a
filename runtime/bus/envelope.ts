import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { messageKey, type PoisonOutcome, PoisonReason, type SinkMessage, sha256 } from "../contract/index.js";
import { traceIdOf } from "../telemetry/index.js";
import { bodyBytes } from "./body.js";
import { idText, originalIdOf } from "./ids.js";

/** What of the pipeline is needed to read a message. */
export interface ReadRules {
  /** Path of the source entity. */
  entity: string;
  /** The queues that replies may go to. */
  replyQueues: string[];
}

/** A message that was read, or why it can never be worked on. `name` identifies it in logs. */
export type ReadMessage = MessageHeader & ({ message: SinkMessage } | { poison: PoisonOutcome });

/** What is known of a message whether or not it can be worked on. */
export interface MessageHeader {
  /** Message id; empty where it has none. */
  messageId: string;
  /** int64 as decimal text. */
  sequenceNumber: string;
  /** 1 for the first delivery. */
  deliveryCount: number;
  traceId: string;
  /** Bytes of the body. */
  bytes: number;
}

/** Reads a received message into what a sink gets. */
export function readMessage(received: ServiceBusReceivedMessage, rules: ReadRules): ReadMessage {
  const messageId = originalIdOf(received);
  const body = bytesOf(received);
  const header: MessageHeader = {
    messageId,
    sequenceNumber: sequenceOf(received),
    // The AMQP header counts earlier deliveries.
    deliveryCount: (received.deliveryCount ?? 0) + 1,
    traceId: traceIdOf(received.applicationProperties),
    bytes: body instanceof Error ? 0 : body.byteLength,
  };
  if (messageId === "")
    return poisoned(
      header,
      PoisonReason.MissingMessageId,
      "The message has no message id, so that a second delivery could not be told from a new message. " +
        "Set messageId when sending.",
    );
  if (body instanceof Error)
    return poisoned(header, PoisonReason.InvalidBody, `The body cannot be read: ${body.message}.`);
  const replyTo = replyQueue(received.replyTo, rules.replyQueues);
  if (replyTo instanceof Error) return poisoned(header, PoisonReason.ReplyNotAllowed, replyTo.message);
  const message = new BusMessage(received, rules.entity, header, body);
  if (replyTo !== undefined) message.replyTo = replyTo;
  const { sequenceNumber, deliveryCount, traceId, bytes } = header;
  return { messageId, sequenceNumber, deliveryCount, traceId, bytes, message };
}

/** A message as a sink sees it. What few sinks ask for is made when they do. */
class BusMessage implements SinkMessage {
  readonly key: string;
  readonly messageId: string;
  readonly sequenceNumber: string;
  readonly traceId: string;
  readonly enqueuedTime: Date;
  deliveryCount: number;
  contentType?: string;
  subject?: string;
  correlationId?: string;
  sessionId?: string;
  partitionKey?: string;
  replyTo?: string;
  replyToSessionId?: string;
  readonly #received: ServiceBusReceivedMessage;
  #digest: string | undefined;
  #properties: SinkMessage["properties"] | undefined;

  constructor(
    received: ServiceBusReceivedMessage,
    readonly entity: string,
    { messageId, sequenceNumber, deliveryCount, traceId }: MessageHeader,
    readonly body: Buffer,
  ) {
    this.#received = received;
    this.key = messageKey(entity, messageId);
    this.messageId = messageId;
    this.sequenceNumber = sequenceNumber;
    this.deliveryCount = deliveryCount;
    this.traceId = traceId;
    this.enqueuedTime = received.enqueuedTimeUtc ?? new Date(0);
    const { contentType, subject, correlationId, sessionId, partitionKey, replyToSessionId } = received;
    if (contentType !== undefined) this.contentType = contentType;
    if (subject !== undefined) this.subject = subject;
    if (correlationId !== undefined) this.correlationId = idText(correlationId);
    if (sessionId !== undefined) this.sessionId = sessionId;
    if (partitionKey !== undefined) this.partitionKey = partitionKey;
    if (replyToSessionId !== undefined) this.replyToSessionId = replyToSessionId;
  }

  get bodySha256(): string {
    this.#digest ??= sha256(this.body);
    return this.#digest;
  }

  get properties(): SinkMessage["properties"] {
    this.#properties ??= propertiesOf(this.#received.applicationProperties);
    return this.#properties;
  }
}

/** An int64 as decimal text. Most are exact as a number, whose text costs less than that of two halves. */
function sequenceOf({ sequenceNumber }: ServiceBusReceivedMessage): string {
  if (sequenceNumber === undefined) return "0";
  const number = sequenceNumber.high * HALF + (sequenceNumber.low >>> 0);
  return Number.isSafeInteger(number) ? String(number) : sequenceNumber.toString();
}

/** What one step of an int64's upper half is worth. */
const HALF = 2 ** 32;

function poisoned(header: MessageHeader, reason: PoisonReason, description: string): ReadMessage {
  return { ...header, poison: { kind: "poison", reason, description } };
}

function bytesOf(received: ServiceBusReceivedMessage): Buffer | Error {
  try {
    return bodyBytes({ content: received.body, section: received._rawAmqpMessage.bodyType });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The listed queue that ReplyTo means: Service Bus compares names of entities without case. */
function replyQueue(replyTo: string | undefined, queues: string[]): string | undefined | Error {
  if (replyTo === undefined || replyTo === "") return undefined;
  const listed = queues.find((queue) => queue.toLowerCase() === replyTo.toLowerCase());
  if (listed !== undefined) return listed;
  const allowed = queues.length === 0 ? "The pipeline allows no replies." : `It may be ${queues.join(", ")}.`;
  return new Error(`ReplyTo is ${JSON.stringify(replyTo)}, which is not one of the pipeline's replyQueues. ${allowed}`);
}

/** AMQP has more types than a sink's properties: 64-bit integers become text, bytes Base64, the rest JSON. */
function propertiesOf(properties: { [name: string]: unknown } | undefined): SinkMessage["properties"] {
  const out: SinkMessage["properties"] = Object.create(null);
  for (const [name, value] of Object.entries(properties ?? {})) out[name] = propertyOf(value);
  return out;
}

function propertyOf(value: unknown): string | number | boolean | Date | null {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "object" ? safeJson(value) : String(value);
}

function safeJson(value: object): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null;
  }
}
