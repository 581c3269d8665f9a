import type { MessageEdits } from "../core/sql/actions.js";
import type { SettableProperty } from "../core/sql/systemProperties.js";
import { Code, Cursor, mapEntries, Section } from "./codec.js";
import { Field } from "./facts.js";
import { mapSection } from "./rewriting.js";
import { encodeText, encodeTime, encodeValue } from "./values.js";

// What a rule's action changed, written into a copy of a message: fields, properties and annotations that it did not
// name stay as the bytes they were.

/** Fields of the properties section that an action can set. */
const FIELDS: readonly (readonly [SettableProperty, Field])[] = [
  ["messageId", Field.MessageId],
  ["to", Field.To],
  ["subject", Field.Subject],
  ["replyTo", Field.ReplyTo],
  ["correlationId", Field.CorrelationId],
  ["contentType", Field.ContentType],
  ["sessionId", Field.GroupId],
  ["replyToSessionId", Field.ReplyToGroupId],
];

/** Annotations that an action can set. */
const ANNOTATIONS: readonly (readonly [SettableProperty, string])[] = [
  ["partitionKey", "x-opt-partition-key"],
  ["viaPartitionKey", "x-opt-via-partition-key"],
  ["scheduledAt", "x-opt-scheduled-enqueue-time"],
];

const NULL = Buffer.from([Code.Null]);
const NOTHING = Buffer.alloc(0);

function encoded(value: string | number | undefined): Buffer {
  return value === undefined ? NULL : typeof value === "string" ? encodeText(value) : encodeTime(value);
}

/** The fields of a list with their type codes. */
function fieldsOf(bare: Buffer, value: number, end: number): Buffer[] {
  const cursor = new Cursor(bare, value, end);
  const { count } = cursor.list();
  const fields: Buffer[] = [];
  for (let place = 0; place < count; place++) {
    const from = cursor.at;
    cursor.skip();
    fields.push(bare.subarray(from, cursor.at));
  }
  return fields;
}

function propertiesWith(list: readonly Buffer[], edits: MessageEdits): Buffer {
  const fields = [...list];
  for (const [key, place] of FIELDS) {
    if (edits.system.has(key)) {
      while (fields.length <= place) {
        fields.push(NULL);
      }
      fields[place] = encoded(edits.system.get(key));
    }
  }
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  const head = Buffer.alloc(12);
  head.set([Code.Described, Code.SmallUlong, Section.Properties, Code.List32]);
  head.writeUInt32BE(4 + length, 4);
  head.writeUInt32BE(fields.length, 8);
  return Buffer.concat([head, ...fields]);
}

/** Keys and values of a map with some set and some taken away. */
function entries(
  buffer: Buffer,
  value: number | undefined,
  changes: ReadonlyMap<string, (before: number | undefined) => Buffer | undefined>,
): { readonly count: number; readonly bytes: Buffer } {
  const parts: Buffer[] = [];
  const codes = new Map<string, number | undefined>();
  for (const entry of value === undefined ? [] : mapEntries(buffer, value)) {
    codes.set(entry.key, buffer[entry.value]);
    if (!changes.has(entry.key)) {
      parts.push(buffer.subarray(entry.start, entry.end));
    }
  }
  for (const [key, encode] of changes) {
    const bytes = encode(codes.get(key));
    if (bytes !== undefined) {
      parts.push(Buffer.concat([encodeText(key), bytes]));
    }
  }
  return { count: parts.length, bytes: Buffer.concat(parts) };
}

/** The bare part of a message with fields and application properties changed. */
export function editedBare(bare: Buffer, edits: MessageEdits): Buffer {
  let fields: Buffer[] = [];
  let applicationValue: number | undefined;
  let rest = 0;
  const cursor = new Cursor(bare);
  while (cursor.remaining > 0) {
    const { code, value, end } = cursor.section();
    if (code === Section.Properties) {
      fields = fieldsOf(bare, value, end);
    } else if (code === Section.ApplicationProperties) {
      applicationValue = value;
    } else {
      break;
    }
    rest = end;
  }
  const changes = new Map(
    [...edits.properties].map(
      ([name, value]) =>
        [name, (before: number | undefined) => (value === undefined ? undefined : encodeValue(value, before))] as const,
    ),
  );
  const application = entries(bare, applicationValue, changes);
  return Buffer.concat([
    propertiesWith(fields, edits),
    mapSection(Section.ApplicationProperties, application.count, application.bytes.length),
    application.bytes,
    bare.subarray(rest),
  ]);
}

/** A section of message annotations from encoded entries, with what an action changed of them. */
export function editedAnnotations(encodedEntries: Buffer, count: number, edits: MessageEdits): Buffer {
  const framed = Buffer.concat([mapSection(Section.MessageAnnotations, count, encodedEntries.length), encodedEntries]);
  const changed = ANNOTATIONS.filter(([key]) => edits.system.has(key));
  const kept = mapEntries(framed, new Cursor(framed).section().value).filter(
    (entry) => !changed.some(([, name]) => name === entry.key),
  );
  const parts = kept.map((entry) => framed.subarray(entry.start, entry.end));
  for (const [key, name] of changed) {
    const value = edits.system.get(key);
    if (value !== undefined) {
      const symbol = Buffer.concat([Buffer.from([Code.Symbol8, name.length]), Buffer.from(name)]);
      parts.push(Buffer.concat([symbol, encoded(value)]));
    }
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return parts.length === 0
    ? NOTHING
    : Buffer.concat([mapSection(Section.MessageAnnotations, parts.length, length), ...parts]);
}
