import { randomUUID } from "node:crypto";
import type { Content, MessageFacts, PropertyChanges } from "../core/content.js";
import type { MessageEdits } from "../core/sql/actions.js";
import { Code, Cursor, mapEntries, Section, undecodable } from "./codec.js";
import { editedAnnotations, editedBare } from "./edits.js";
import { Field, readFacts, readId } from "./facts.js";
import { keep, room } from "./kept.js";
import { type ApplicationRange, annotationsOf, annotationsWith, annotationText, withChanges } from "./rewriting.js";

/** Annotations that the broker sets; a client that sends a received message again brings old ones along. */
const SET_BY_BROKER: ReadonlySet<string> = new Set([
  "x-opt-sequence-number",
  "x-opt-enqueue-sequence-number",
  "x-opt-enqueued-time",
  "x-opt-locked-until",
  "x-opt-message-state",
]);

const SCHEDULED = "x-opt-scheduled-enqueue-time";
const PARTITION_KEY = "x-opt-partition-key";
const VIA_PARTITION_KEY = "x-opt-via-partition-key";
/** The entity in which a message was dead-lettered, where it went on from there. */
const DEAD_LETTER_SOURCE = "x-opt-deadletter-source";
/** Of a properties section up to its first field: descriptor, list, size, count, and the code and length of that field. */
const HEAD_BYTES = 14;
const NOTHING = Buffer.alloc(0);

interface Header {
  durable?: boolean | undefined;
  priority?: number | undefined;
  ttl?: number | undefined;
}

/**
 * A message as it came: its header fields, its annotations, and its bare part (properties, application properties,
 * body, footer) as the bytes they were. Only what the broker must know of it is decoded.
 */
export class AmqpContent implements Content {
  readonly size: number;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly scheduledAt: number | undefined;
  readonly partitionKey: string | undefined;
  readonly durable: boolean | undefined;
  readonly priority: number | undefined;
  /** The sender's annotations as encoded keys and values, without the map around them. */
  readonly annotations: Buffer;
  readonly annotationCount: number;
  readonly bare: Buffer;
  /** Where the application properties lie in the bare part; empty, where they would be inserted. */
  readonly applicationStart: number;
  readonly applicationEnd: number;

  /**
   * Copies what it keeps: the buffer may be part of a larger one that should not stay alive.
   * @param known the header, where the bytes have none
   */
  constructor(encoded: Buffer, known?: Header) {
    const parts = scan(encoded);
    const header = known ?? parts.header;
    this.size = encoded.length;
    this.durable = header.durable;
    this.priority = header.priority;
    this.timeToLiveMs = header.ttl;
    this.scheduledAt = parts.scheduledAt;
    this.partitionKey = parts.partitionKey;
    this.annotations = parts.annotations;
    this.annotationCount = parts.annotationCount;
    this.sessionId = parts.sessionId;
    const shift = -parts.bareStart;
    if (parts.messageId !== undefined) {
      this.messageId = parts.messageId;
      this.bare = keep([encoded.subarray(parts.bareStart)]);
      this.applicationStart = parts.applicationStart + shift;
      this.applicationEnd = parts.applicationEnd + shift;
    } else {
      // The service assigns an id where there is none: everything that is keyed by it can rely on it.
      this.messageId = randomUUID().replaceAll("-", "");
      this.bare = withMessageId(encoded, parts, this.messageId);
      const grown = this.bare.length - encoded.length;
      this.applicationStart = parts.applicationStart + grown;
      this.applicationEnd = parts.applicationEnd + grown;
    }
  }

  get applicationRange(): ApplicationRange {
    return { start: this.applicationStart, end: this.applicationEnd };
  }

  rewritten(changes: PropertyChanges | undefined, deadLetterSource: string | undefined): AmqpContent {
    const bare = changes === undefined ? this.bare : withChanges(this.bare, this.applicationRange, changes);
    const annotations =
      deadLetterSource === undefined
        ? annotationsOf(this.annotations, this.annotationCount)
        : annotationsWith(this.annotations, this.annotationCount, DEAD_LETTER_SOURCE, deadLetterSource);
    const { durable, priority, timeToLiveMs: ttl } = this;
    return new AmqpContent(Buffer.concat([annotations, bare]), { durable, priority, ttl });
  }

  edited(edits: MessageEdits): AmqpContent {
    const { durable, priority } = this;
    const ttl = edits.system.has("timeToLiveMs") ? edits.system.get("timeToLiveMs") : this.timeToLiveMs;
    return new AmqpContent(
      Buffer.concat([editedAnnotations(this.annotations, this.annotationCount, edits), editedBare(this.bare, edits)]),
      { durable, priority, ttl: typeof ttl === "number" ? ttl : undefined },
    );
  }

  facts(): MessageFacts {
    const { messageId, sessionId, partitionKey, viaPartitionKey, timeToLiveMs, scheduledAt, size } = this;
    const outside = { messageId, sessionId, partitionKey, viaPartitionKey, timeToLiveMs, scheduledAt, size };
    return readFacts(this.bare, outside);
  }

  /** Only asked for by filters, and rarely: looked for when it is. */
  get viaPartitionKey(): string | undefined {
    return annotationText(this.annotations, this.annotationCount, VIA_PARTITION_KEY);
  }
}

/** The messages in a batch (format 0x80013700): each data section is an encoded message. */
export function splitBatch(encoded: Buffer): AmqpContent[] {
  const cursor = new Cursor(encoded);
  const contents: AmqpContent[] = [];
  while (cursor.remaining > 0) {
    const section = cursor.section();
    if (section.code === Section.Data) {
      const inner = new Cursor(encoded, section.value, section.end).binary();
      if (inner === undefined) {
        throw undecodable("a data section of the batch holds no binary");
      }
      contents.push(new AmqpContent(inner));
    }
  }
  return contents;
}

interface Parts {
  header: Header;
  annotations: Buffer;
  annotationCount: number;
  scheduledAt: number | undefined;
  partitionKey: string | undefined;
  messageId: string | undefined;
  sessionId: string | undefined;
  bareStart: number;
  /** Where the list of properties lies; -1 without one. */
  propertiesValue: number;
  propertiesEnd: number;
  applicationStart: number;
  applicationEnd: number;
}

function scan(encoded: Buffer): Parts {
  const parts: Parts = {
    header: {},
    annotations: NOTHING,
    annotationCount: 0,
    scheduledAt: undefined,
    partitionKey: undefined,
    messageId: undefined,
    sessionId: undefined,
    bareStart: -1,
    propertiesValue: -1,
    propertiesEnd: -1,
    applicationStart: -1,
    applicationEnd: -1,
  };
  const cursor = new Cursor(encoded);
  let last = 0;
  while (cursor.remaining > 0) {
    const { code, start, value, end } = cursor.section();
    // `rhea`, and with it the JavaScript client, writes the footer in front of the body: these may come in any order.
    if (code < Math.min(last, Section.Data)) {
      throw undecodable(`section 0x${code.toString(16)} comes after section 0x${last.toString(16)}`);
    }
    last = code;
    if (code >= Section.Properties && parts.bareStart < 0) {
      parts.bareStart = start;
      parts.propertiesEnd = code === Section.Properties ? end : start;
      parts.applicationStart = parts.propertiesEnd;
      parts.applicationEnd = parts.propertiesEnd;
    }
    switch (code) {
      case Section.Header:
        readHeader(new Cursor(encoded, value, end), parts.header);
        break;
      case Section.MessageAnnotations:
        readAnnotations(encoded, value, end, parts);
        break;
      case Section.Properties:
        parts.propertiesValue = value;
        readProperties(new Cursor(encoded, value, end), parts);
        break;
      case Section.ApplicationProperties:
        parts.applicationStart = start;
        parts.applicationEnd = end;
        break;
    }
  }
  if (parts.bareStart < 0) {
    throw undecodable("it has no body");
  }
  return parts;
}

function readHeader(cursor: Cursor, header: Header): void {
  const { count } = cursor.list();
  if (count > 0) {
    header.durable = cursor.boolean();
  }
  if (count > 1) {
    header.priority = cursor.unsigned();
  }
  if (count > 2) {
    header.ttl = cursor.unsigned();
  }
}

function readAnnotations(encoded: Buffer, value: number, end: number, parts: Parts): void {
  const entries = mapEntries(encoded, value);
  const kept = entries.filter((entry) => !SET_BY_BROKER.has(entry.key));
  for (const entry of kept) {
    if (entry.key === SCHEDULED) {
      parts.scheduledAt = readTime(new Cursor(encoded, entry.value, end));
    } else if (entry.key === PARTITION_KEY) {
      parts.partitionKey = new Cursor(encoded, entry.value, end).text();
    }
  }
  if (kept.length > 0) {
    parts.annotations = keep(kept.map((entry) => encoded.subarray(entry.start, entry.end)));
    parts.annotationCount = kept.length;
  }
}

function readTime(cursor: Cursor): number | undefined {
  const code = cursor.byte();
  return code === Code.Timestamp || code === Code.Long || code === Code.Ulong ? cursor.int64() : undefined;
}

function readProperties(cursor: Cursor, parts: Parts): void {
  const { count } = cursor.list();
  for (let field = 0; field < count && field <= Field.GroupId; field++) {
    if (field === Field.MessageId) {
      parts.messageId = readId(cursor);
    } else if (field === Field.GroupId) {
      parts.sessionId = cursor.text();
    } else {
      cursor.skip();
    }
  }
}

/** The bare part with an id, of at most 255 bytes, in the first field of its properties. */
function withMessageId(encoded: Buffer, parts: Parts, id: string): Buffer {
  let count = 1;
  let [restStart, restEnd] = [0, 0];
  if (parts.propertiesValue >= 0) {
    const cursor = new Cursor(encoded, parts.propertiesValue, parts.propertiesEnd);
    const list = cursor.list();
    if (list.count > 0) {
      cursor.skip();
      count = list.count;
      [restStart, restEnd] = [cursor.at, list.end];
    }
  }
  const text = Buffer.byteLength(id);
  const rest = restEnd - restStart;
  const bare = room(HEAD_BYTES + text + rest + encoded.length - parts.propertiesEnd);
  bare.set([Code.Described, Code.SmallUlong, Section.Properties, Code.List32]);
  // The size of a list counts from its number of fields: that, the id with its code and length, and the other fields.
  bare.writeUInt32BE(4 + 2 + text + rest, 4);
  bare.writeUInt32BE(count, 8);
  bare.set([Code.String8, text], HEAD_BYTES - 2);
  bare.write(id, HEAD_BYTES);
  encoded.copy(bare, HEAD_BYTES + text, restStart, restEnd);
  encoded.copy(bare, HEAD_BYTES + text + rest, parts.propertiesEnd);
  return bare;
}
