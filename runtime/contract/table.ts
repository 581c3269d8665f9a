/** CQL types of a column. Counters and collections are refused: a redelivery would count twice. */
export const ColumnType = {
  Ascii: "ascii",
  Bigint: "bigint",
  Blob: "blob",
  Boolean: "boolean",
  Date: "date",
  Decimal: "decimal",
  Double: "double",
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
export type ColumnType = (typeof ColumnType)[keyof typeof ColumnType];

/** What of the message's envelope a column can hold. */
export const MessageField = {
  MessageId: "messageId",
  SessionId: "sessionId",
  PartitionKey: "partitionKey",
  Subject: "subject",
  CorrelationId: "correlationId",
  EnqueuedTime: "enqueuedTime",
} as const;
export type MessageField = (typeof MessageField)[keyof typeof MessageField];

/** A column, and where its value comes from: exactly one of `body`, `property`, `message`. */
export interface Column {
  /** Type, by CQL's own names. */
  type: ColumnType;
  /** Path into the JSON body, keys joined by dots: `reading.celsius`. */
  body?: string;
  /** Name of an application property. */
  property?: string;
  /** A field of the message's envelope. */
  message?: MessageField;
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

/** A table, and how a message becomes one of its rows. Plain JSON. */
export interface TableDefinition {
  /** Keyspace: 1 to 48 letters, digits and `_`, the first a letter; lower case. */
  keyspace: string;
  /** Table, by the same rule. */
  name: string;
  /** The columns by name, by the same rule. */
  columns: { [name: string]: Column };
  /** Columns of the partition key, in order; at least one. */
  partitionKey: string[];
  /** Clustering columns, in order. The whole primary key must tell every event apart. */
  clusteringKey: Clustering[];
  /**
   * Path in the JSON body of the event's own time: ISO 8601, or milliseconds since 1970 as a number.
   * It becomes the write's timestamp, so that the order of delivery cannot matter.
   */
  eventTime: string;
  /** Time to live of rows in seconds, 0 (for ever) to 630720000 (Cassandra's limit of 20 years). */
  timeToLiveSeconds?: number;
}

/** Keeps the literal type of a table definition while checking it: `defineTable({ … })`. */
export function defineTable<const T extends TableDefinition>(table: T): T {
  return table;
}

/** Separates the values of a partition key of several columns in the message's partition key. */
export const PARTITION_KEY_SEPARATOR = "|";
