import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { defined, messageKey, type PoisonOutcome, PoisonReason, type SinkMessage, sha256 } from "../contract/index.js";
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
  const header = {
    messageId,
    sequenceNumber: received.sequenceNumber?.toString() ?? "0",
    // The AMQP header counts earlier deliveries.
    deliveryCount: (received.deliveryCount ?? 0) + 1,
    traceId: traceIdOf(received.applicationProperties),
  };
  const body = bytesOf(received);
  const sized = { ...header, bytes: body instanceof Error ? 0 : body.byteLength };
  if (messageId === "")
    return poisoned(
      sized,
      PoisonReason.MissingMessageId,
      "The message has no message id, so that a second delivery could not be told from a new message. " +
        "Set messageId when sending.",
    );
  if (body instanceof Error)
    return poisoned(sized, PoisonReason.InvalidBody, `The body cannot be read: ${body.message}.`);
  const replyTo = replyQueue(received.replyTo, rules.replyQueues);
  if (replyTo instanceof Error) return poisoned(sized, PoisonReason.ReplyNotAllowed, replyTo.message);
  let digest: string | undefined;
  const message: SinkMessage = {
    key: messageKey(rules.entity, messageId),
    entity: rules.entity,
    messageId,
    body,
    get bodySha256() {
      digest ??= sha256(body);
      return digest;
    },
    properties: propertiesOf(received.applicationProperties),
    enqueuedTime: received.enqueuedTimeUtc ?? new Date(0),
    sequenceNumber: header.sequenceNumber,
    deliveryCount: header.deliveryCount,
    traceId: header.traceId,
    ...defined({
      contentType: received.contentType,
      subject: received.subject,
      correlationId: received.correlationId === undefined ? undefined : idText(received.correlationId),
      sessionId: received.sessionId,
      partitionKey: received.partitionKey,
      replyTo,
      replyToSessionId: received.replyToSessionId,
    }),
  };
  return { ...sized, message };
}

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
