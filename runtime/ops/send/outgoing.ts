import type { ServiceBusMessage } from "@azure/service-bus";
import { parse, stringify } from "lossless-json";
import { z } from "zod";
import { defined, formatProblem, ServiceBusLimits, shown } from "../../contract/index.js";
import { because, problemsOf, strict } from "../../contract/zod.js";

/**
 * A message as a line of a file says it. One of `body`, `bodyText` and `bodyBase64` at most; without any the body is
 * empty.
 */
export interface MessageLine {
  /** Any JSON: it is sent as its JSON text in UTF-8, numbers with all of their digits. */
  body?: unknown;
  /** Text, sent in UTF-8. */
  bodyText?: string;
  /** Bytes. */
  bodyBase64?: string;
  /** 1 to 128 characters. */
  messageId?: string;
  /** At most 128 characters. */
  sessionId?: string;
  /** At most 128 characters; with a session the session's. */
  partitionKey?: string;
  subject?: string;
  /** @default application/json with `body` */
  contentType?: string;
  correlationId?: string;
  to?: string;
  replyTo?: string;
  replyToSessionId?: string;
  /** Seconds, from 0.001. @default the entity's */
  timeToLiveSeconds?: number;
  /** A moment by ISO 8601, with its zone; the entity keeps the message until then. */
  scheduledEnqueueTime?: string;
  /** Application properties; a whole number beyond 2^53 is refused: the client would send another one. */
  properties?: { [name: string]: string | number | boolean | null };
}

/** What lines get that do not say it themselves. */
export interface LineDefaults extends Omit<MessageLine, "body" | "bodyText" | "bodyBase64" | "messageId"> {
  /** Lines without an id get this, a dash and the number of the line. */
  idPrefix?: string;
}

const words = because("must be text", "Write it as text");
const id = z
  .string(words)
  .min(1, because("must not be empty", "Give an id, or leave it out"))
  .max(
    ServiceBusLimits.idCharacters,
    because(`must be at most ${ServiceBusLimits.idCharacters} characters`, "Shorten it"),
  );
const rule = because("must be text, true, false, null, or a number within 2^53", "Write anything else as text");
const value = z.union(
  [z.string(), z.boolean(), z.null(), z.number().refine((n) => !Number.isInteger(n) || Number.isSafeInteger(n), rule)],
  rule,
);
const time = z.iso.datetime({
  offset: true,
  ...because("must be a moment with its zone", "Write 2026-01-31T08:00:00Z"),
});

const schema = strict({
  body: z.exactOptional(z.unknown()),
  bodyText: z.exactOptional(z.string(words)),
  bodyBase64: z.exactOptional(z.base64(because("must be Base64", "Encode the bytes as Base64, with padding"))),
  messageId: z.exactOptional(id),
  sessionId: z.exactOptional(id),
  partitionKey: z.exactOptional(id),
  subject: z.exactOptional(z.string(words)),
  contentType: z.exactOptional(z.string(words)),
  correlationId: z.exactOptional(z.string(words)),
  to: z.exactOptional(z.string(words)),
  replyTo: z.exactOptional(z.string(words)),
  replyToSessionId: z.exactOptional(id),
  timeToLiveSeconds: z.exactOptional(
    z
      .number(because("must be a number of seconds from 0.001", "Give seconds"))
      .min(0.001, because("must be at least 0.001", "Raise it")),
  ),
  scheduledEnqueueTime: z.exactOptional(time),
  properties: z.exactOptional(z.record(z.string(), value)),
});

/**
 * The message that one line of a file stands for.
 * @returns what is wrong with it, in one sentence or several, where it is none
 */
export function readLine(text: string, number: number, defaults: LineDefaults): ServiceBusMessage | string {
  let said: unknown;
  let body: string | undefined;
  try {
    said = JSON.parse(text);
    // Once more without loss: a body keeps the digits of its numbers.
    const exact = parse(text);
    if (typeof exact === "object" && exact !== null && "body" in exact) body = stringify(exact.body);
  } catch (error) {
    return `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const problems = problemsOf(schema, said).map((p) => formatProblem(p.path === "" ? { ...p, path: "the line" } : p));
  if (problems.length > 0) return problems.join(" ");
  const { idPrefix, ...rest } = defaults;
  const line = { ...rest, ...(said as MessageLine) };
  const properties = { ...rest.properties, ...(said as MessageLine).properties };
  const messageId = line.messageId ?? (idPrefix === undefined ? undefined : `${idPrefix}-${number}`);
  if (messageId === undefined)
    return "has no messageId, so that a second delivery could not be told from a new message. Add one, or say --id-prefix.";
  return outgoing({ ...line, messageId, properties }, body);
}

/** The message as the client sends it, or what is wrong with it. `body` is the JSON text of the line's body. */
export function outgoing(line: MessageLine, body: string | undefined): ServiceBusMessage | string {
  const { bodyText, bodyBase64, sessionId, partitionKey, messageId, timeToLiveSeconds, scheduledEnqueueTime } = line;
  if ([body, bodyText, bodyBase64].filter((one) => one !== undefined).length > 1)
    return "must have one of body, bodyText and bodyBase64.";
  if (sessionId !== undefined && partitionKey !== undefined && sessionId !== partitionKey)
    return `partitionKey must be the sessionId, ${shown(sessionId)}, where there is one (found ${shown(partitionKey)}).`;
  if (messageId !== undefined && (messageId === "" || messageId.length > ServiceBusLimits.idCharacters))
    return `messageId must be 1 to ${ServiceBusLimits.idCharacters} characters (found ${shown(messageId)}).`;
  const { contentType, subject, correlationId, to, replyTo, replyToSessionId, properties } = line;
  return {
    body: Buffer.from(body ?? bodyText ?? bodyBase64 ?? "", bodyBase64 === undefined ? "utf8" : "base64"),
    ...defined({
      ...{ messageId, sessionId, partitionKey, subject, correlationId, to, replyTo, replyToSessionId },
      contentType: contentType ?? (body === undefined ? undefined : "application/json"),
      timeToLive: timeToLiveSeconds === undefined ? undefined : timeToLiveSeconds * 1_000,
      scheduledEnqueueTimeUtc: scheduledEnqueueTime === undefined ? undefined : new Date(scheduledEnqueueTime),
      // Null is a value of AMQP's that the client sends and its types leave out.
      applicationProperties: properties as { [name: string]: string | number | boolean } | undefined,
    }),
  };
}
