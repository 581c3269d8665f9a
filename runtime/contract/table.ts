import { type Duration, durationSeconds } from "./duration.js";
import { defined } from "./optional.js";

/**
 * CQL's scalar types. `counter` is not among them: a redelivery at the same timestamp would count twice
 * (CASSANDRA-11368). `duration` has no order, so that no key can hold it.
 */
export const ScalarType = {
  Ascii: "ascii",
  Bigint: "bigint",
  Blob: "blob",
  Boolean: "boolean",
  Date: "date",
  Decimal: "decimal",
  Double: "double",
  Duration: "duration",
  Float: "float",
  Inet: "inet",
  Int: "int",
  Smallint: "smallint",
  Text: "text",
  Time: "time",
  Timestamp: "timestamp",
  Timeuuid: "timeuuid",
  Tinyint: "tinyint",
  Uuid: "uuid",
  Varint: "varint",
} as const;
export type ScalarType = (typeof ScalarType)[keyof typeof ScalarType];

/**
 * A CQL type: a scalar, `tuple<…>`, `vector<float, 3>`, or a frozen collection or user-defined type:
 * `frozen<list<text>>`, `frozen<map<text, double>>`, `frozen<position>`. What is not frozen is refused: a list grows
 * when a message comes twice.
 */
export type CqlType = ScalarType | `frozen<${string}>` | `tuple<${string}>` | `vector<${string}>`;

/** What of the message's envelope a column can hold. */
export const MessageField = {
  MessageId: "messageId",
  SessionId: "sessionId",
  PartitionKey: "partitionKey",
  Subject: "subject",
  CorrelationId: "correlationId",
  /** When the entity took the message. A replay takes it anew, so that no key can hold it. */
  EnqueuedTime: "enqueuedTime",
} as const;
export type MessageField = (typeof MessageField)[keyof typeof MessageField];

/** Where the time of an event comes from: exactly one of the keys. */
export interface TimeSource {
  /**
   * Path into the body, keys joined by dots, items of lists by their number: `reading.celsius`, `samples.0.value`. Of a
   * CloudEvent it is a path into its `data`. A null there is the same as nothing.
   */
  body?: string;
  /** Name of an application property. */
  property?: string;
  /** Context attribute of a CloudEvent: `id`, `source`, `subject`, `time`, or an extension's name. */
  attribute?: string;
}

/** Where a value comes from: exactly one of the keys. */
export interface ValueSource extends TimeSource {
  /** A field of the message's envelope. */
  message?: MessageField;
}

/** How long the partitions of a time series are. */
export const TimeBucket = { Hour: "hour", Day: "day", Week: "week", Month: "month" } as const;
export type TimeBucket = (typeof TimeBucket)[keyof typeof TimeBucket];

/** A column, and where its value comes from: exactly one of `body`, `property`, `attribute`, `message`, `bucket`. */
export interface Column extends ValueSource {
  /** Type, by CQL's own names; `CqlType` says which there are. */
  type: string;
  /**
   * The beginning, in UTC, of the hour, day, week (from Monday) or month that the event's time lies in; the type is
   * `timestamp`, or `date` from a day on. In the partition key it keeps partitions from growing without end.
   */
  bucket?: TimeBucket;
  /** True where a message without this value is poison (`MissingValue`). Key columns always are. */
  required?: boolean;
}

/** A clustering column and its order. */
export interface Clustering {
  /** One of the table's columns. */
  column: string;
  /** True for descending order. */
  descending?: boolean;
}

/** How the body of a message is read. */
export const MessageFormat = {
  /** A JSON object in UTF-8. */
  Json: "json",
  /**
   * A CloudEvent 1.0: structured, in JSON (`application/cloudevents+json`), or binary, its attributes in properties
   * `cloudEvents:…` or `cloudEvents_…` and its data in the body.
   */
  CloudEvents: "cloudevents",
  /** One Avro datum in binary, by `schema`. */
  Avro: "avro",
  /** The same in Avro's single-object encoding: behind a marker and the schema's fingerprint, which is checked. */
  AvroSingleObject: "avro-single-object",
} as const;
export type MessageFormat = (typeof MessageFormat)[keyof typeof MessageFormat];

/** What says that a message deletes its row: the value at a place, and what it equals. */
export interface DeleteRule extends ValueSource {
  /** The text that makes the message a deletion. */
  equals: string;
}

/** How much is expected, to plan partitions by. */
export interface ExpectedRate {
  /** Rows a second for one value of the partition key without its bucket, over 0. */
  rowsPerSecond: number;
  /** Bytes of a row on disk, from 1. */
  bytesPerRow: number;
}

/** How a message becomes a row. */
export interface MessageMapping {
  /** How the body is read. @default "json" */
  format?: MessageFormat;
  /** Avro schema of the body, a record, as JSON text: `JSON.stringify({ … })`; with the Avro formats only. */
  schema?: string;
  /**
   * The event's own time: ISO 8601 with its offset, milliseconds since 1970 as a number, or Avro's timestamps. It becomes
   * the write's timestamp in microseconds, so that the order of delivery cannot matter. Never a field of the envelope:
   * those change on a replay. A source with at most three digits of a second says nothing of microseconds: a hash of the
   * message id, 0 to 999, takes their place, so that of two events in one millisecond one wins as a whole. A source with
   * more digits is taken to the microsecond; further digits are cut off.
   */
  time: TimeSource;
  /**
   * How far the event's time may lie ahead of the worker's clock; beyond it the message is poison (`EventTimeOutOfRange`),
   * since a write from the year 2099 would hide every later one. 0s to 1d.
   * @default "5m"
   */
  maxFutureSkew?: string;
  /**
   * How old an event may be; an older one is poison (`EventTimeOutOfRange`).
   * @default any age
   */
  maxAge?: string;
  /**
   * What makes a message the deletion of its row, by its primary key alone. In such a table every event older than `gcGrace`
   * is poison (`EventTimeOutOfRange`): the tombstone may be gone, and a late write would bring the row back.
   */
  deletes?: DeleteRule;
  /** What is expected, for the warning about partitions above 100 MB. */
  rate?: ExpectedRate;
}

/** Options of the table that the schema job sets, and keeps. */
export interface TableOptions {
  /** What it is for; shown by `DESCRIBE TABLE`. */
  comment?: string;
  /**
   * How long tombstones are kept; a repair must run within it. 1h to 1000d.
   * @default "10d", Cassandra's own
   */
  gcGrace?: string;
  /** Compaction, by CQL's names: `{ class: "TimeWindowCompactionStrategy", compaction_window_unit: "DAYS" }`. @default Cassandra's own */
  compaction?: { [option: string]: string };
  /** Compression, by CQL's names. @default Cassandra's own */
  compression?: { [option: string]: string };
}

/** A table, and how a message becomes one of its rows. Plain JSON. */
export interface TableDefinition {
  /** Keyspace: 1 to 48 letters, digits and `_`, the first a letter; lower case; none of Cassandra's own (`system`, `system_…`). */
  keyspace: string;
  /** Table, by the same rule. */
  name: string;
  /** The columns by name, by the same rule. */
  columns: { [name: string]: Column };
  /** User-defined types of the keyspace that columns name, frozen: fields and their types. */
  types?: { [name: string]: { [field: string]: string } };
  /** Columns of the partition key, in order; at least one. */
  partitionKey: string[];
  /** Clustering columns, in order. The whole primary key must tell every event apart. */
  clusteringKey: Clustering[];
  /**
   * Time that a row lives from its event on, 1s to 7300d (Cassandra's limit of 20 years).
   * @default for ever
   */
  timeToLive?: string;
  /** Options of the table. */
  options?: TableOptions;
  /** How a message becomes a row. */
  from: MessageMapping;
  /**
   * True where two events may share a primary key, and the later one wins cell by cell. Without it the primary key must
   * hold the event's id: the message's, or a CloudEvent's.
   */
  lastWriterPerCell?: boolean;
}

/** What of a definition names columns: only those that it has. */
interface KeysOf<Name extends string> {
  partitionKey: Name[];
  clusteringKey: { column: Name; descending?: boolean }[];
}

/** What of a definition is text in other languages, and of fewer values in this one. */
interface TypedTable {
  columns: { [name: string]: { type: CqlType } };
  types?: { [name: string]: { [field: string]: CqlType } };
  timeToLive?: Duration;
  options?: { gcGrace?: Duration };
  from: { maxFutureSkew?: Duration; maxAge?: Duration };
}

/**
 * Keeps the literal type of a table definition while checking it: `defineTable({ … })`. Keys that are no columns, types
 * that are none of CQL's, and times without a unit do not compile; the other rules are checked where the pipeline is.
 */
export function defineTable<const T extends TableDefinition & TypedTable>(
  table: T & KeysOf<keyof T["columns"] & string>,
): T {
  return table;
}

/** How long Cassandra keeps tombstones where a table does not say. */
export const DEFAULT_GC_GRACE: Duration = "10d";

/** How far an event may lie ahead of the worker's clock where a table does not say. */
export const DEFAULT_FUTURE_SKEW: Duration = "5m";

/** Seconds that the table's tombstones are kept. */
export function gcGraceSeconds({ options }: Pick<TableDefinition, "options">): number {
  return durationSeconds(options?.gcGrace ?? DEFAULT_GC_GRACE);
}

/**
 * Seconds that an event may be old, a write or a deletion; undefined where any age is taken. Where messages delete rows it is
 * never more than the tombstones are kept: an older write, replayed, would bring back what was deleted.
 */
export function maxAgeSeconds({ from, options }: Pick<TableDefinition, "from" | "options">): number | undefined {
  const stated = from.maxAge === undefined ? undefined : durationSeconds(from.maxAge);
  if (from.deletes === undefined) return stated;
  return Math.min(stated ?? Number.POSITIVE_INFINITY, gcGraceSeconds(defined({ options })));
}

/** Seconds that a row of the table lives from its event on; 0 stands for ever. */
export function timeToLiveSeconds({ timeToLive }: Pick<TableDefinition, "timeToLive">): number {
  return timeToLive === undefined ? 0 : durationSeconds(timeToLive);
}

/** Separates the values of a partition key of several columns in the message's partition key. */
export const PARTITION_KEY_SEPARATOR = "|";
