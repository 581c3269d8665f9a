import type { MessageFacts } from "../core/content.js";
import type { SqlValue } from "../core/sql/values.js";
import { Code, Cursor, mapEntries, Section } from "./codec.js";
import { readValue, uuidText } from "./values.js";

/** Fields of the properties section, by their place in the list. */
export const Field = {
  MessageId: 0,
  To: 2,
  Subject: 3,
  ReplyTo: 4,
  CorrelationId: 5,
  ContentType: 6,
  GroupId: 10,
  ReplyToGroupId: 12,
} as const;
export type Field = (typeof Field)[keyof typeof Field];

/** What of a message lies outside its properties and application properties. */
export type Outside = Pick<
  MessageFacts,
  "messageId" | "sessionId" | "partitionKey" | "viaPartitionKey" | "timeToLiveMs" | "scheduledAt" | "size"
>;

/** A message id or correlation id in any of its four types, as text; undefined for null. */
export function readId(cursor: Cursor): string | undefined {
  switch (cursor.buffer[cursor.at]) {
    case Code.Uuid:
      cursor.byte();
      return uuidText(cursor.bytes(16));
    case Code.Binary8:
    case Code.Binary32:
      return cursor.binary()?.toString("hex");
    case Code.Ulong0:
    case Code.SmallUlong:
    case Code.Ulong:
      return String(readValue(cursor));
    default:
      return cursor.text();
  }
}

/** The fields of a properties section, by their place; null and missing ones are left out. */
function readFields(bare: Buffer, value: number, end: number): Map<number, string> {
  const cursor = new Cursor(bare, value, end);
  const { count } = cursor.list();
  const fields = new Map<number, string>();
  const texts: readonly number[] = [Field.To, Field.Subject, Field.ReplyTo, Field.ContentType, Field.ReplyToGroupId];
  for (let place = 0; place < count; place++) {
    const text = place === Field.CorrelationId ? readId(cursor) : texts.includes(place) ? cursor.text() : cursor.skip();
    if (typeof text === "string") {
      fields.set(place, text);
    }
  }
  return fields;
}

/** What a filter may look at, read from the bare part of a message. */
export function readFacts(bare: Buffer, outside: Outside): MessageFacts {
  let fields: ReadonlyMap<number, string> = new Map();
  const properties = new Map<string, SqlValue>();
  const cursor = new Cursor(bare);
  while (cursor.remaining > 0) {
    const { code, value, end } = cursor.section();
    if (code === Section.Properties) {
      fields = readFields(bare, value, end);
    } else if (code === Section.ApplicationProperties) {
      for (const entry of mapEntries(bare, value)) {
        properties.set(entry.key, readValue(new Cursor(bare, entry.value, entry.end)));
      }
    } else if (code > Section.ApplicationProperties) {
      break;
    }
  }
  return {
    ...outside,
    correlationId: fields.get(Field.CorrelationId),
    to: fields.get(Field.To),
    replyTo: fields.get(Field.ReplyTo),
    subject: fields.get(Field.Subject),
    replyToSessionId: fields.get(Field.ReplyToGroupId),
    contentType: fields.get(Field.ContentType),
    properties,
  };
}
