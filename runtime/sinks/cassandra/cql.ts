import { createHash } from "node:crypto";
import { type CassandraSink, type TableDefinition, timeToLiveSeconds } from "../../contract/index.js";

/** Longest name of a table, in characters (Cassandra's limit). */
const NAME_LENGTH = 48;
const LEDGER_SUFFIX = "_messages";
/**
 * Seconds that an entry of the ledger outlives its row: 14 days. The longest series of deliveries that a queue
 * gives by itself is 2,000 of 5 minutes each, 7 days.
 */
const LEDGER_EXTRA_SECONDS = 14 * 86_400;
/** Cassandra's longest time to live: 20 years, in seconds. */
export const LONGEST_TIME_TO_LIVE = 630_720_000;

/** What a column is in its table, in the words of system_schema.columns. */
export const ColumnKind = { Partition: "partition_key", Clustering: "clustering", Regular: "regular" } as const;
export type ColumnKind = (typeof ColumnKind)[keyof typeof ColumnKind];

/** A column as system_schema.columns describes it. */
export interface ShapeColumn {
  name: string;
  type: string;
  kind: ColumnKind;
  /** Place among the columns of its kind, from 0; -1 for regular columns. */
  position: number;
  order: "asc" | "desc" | "none";
}

/** A table as it must exist. */
export interface TableShape {
  keyspace: string;
  name: string;
  columns: ShapeColumn[];
}

/** A name as CQL needs it: always in quotes, since `order` and `token` are words of CQL. Roles of others may hold quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as CQL writes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A table by its full name. */
export function qualified({ keyspace, name }: { keyspace: string; name: string }): string {
  return `${quoted(keyspace)}.${quoted(name)}`;
}

/** The table that rows go to. */
export function rowTable(table: TableDefinition): TableShape {
  const columns = Object.entries(table.columns).map(([name, { type }]): ShapeColumn => {
    const partition = table.partitionKey.indexOf(name);
    if (partition >= 0) return { name, type, kind: ColumnKind.Partition, position: partition, order: "none" };
    const position = table.clusteringKey.findIndex((key) => key.column === name);
    if (position < 0) return { name, type, kind: ColumnKind.Regular, position: -1, order: "none" };
    const order = table.clusteringKey[position]?.descending === true ? "desc" : "asc";
    return { name, type, kind: ColumnKind.Clustering, position, order };
  });
  return { keyspace: table.keyspace, name: table.name, columns };
}

/**
 * The ledger of a table: which message was taken with which body, by whom. Its name is the table's with a suffix;
 * of a name that would become too long the end gives way to a hash.
 */
export function ledgerTable(table: TableDefinition): TableShape {
  const room = NAME_LENGTH - LEDGER_SUFFIX.length;
  const hash = createHash("sha256").update(table.name).digest("hex").slice(0, 8);
  const base = table.name.length <= room ? table.name : `${table.name.slice(0, room - hash.length - 1)}_${hash}`;
  const key = (name: string, position: number): ShapeColumn => ({
    name,
    type: "text",
    kind: ColumnKind.Partition,
    position,
    order: "none",
  });
  const regular = (name: string, type: string): ShapeColumn => ({
    name,
    type,
    kind: ColumnKind.Regular,
    position: -1,
    order: "none",
  });
  return {
    keyspace: table.keyspace,
    name: base + LEDGER_SUFFIX,
    columns: [
      key("entity", 0),
      key("message_id", 1),
      regular("body_sha256", "text"),
      regular("worker", "text"),
      regular("trace_id", "text"),
      regular("sequence_number", "bigint"),
      regular("claimed_at", "timestamp"),
    ],
  };
}

/** Seconds that an entry of the ledger lives; 0 for ever. */
export function ledgerTimeToLive(table: TableDefinition): number {
  const seconds = timeToLiveSeconds(table);
  return seconds === 0 ? 0 : Math.min(seconds + LEDGER_EXTRA_SECONDS, LONGEST_TIME_TO_LIVE);
}

export function createKeyspace(keyspace: string, replication: CassandraSink["replication"]): string {
  const options = [
    "'class': 'NetworkTopologyStrategy'",
    ...Object.entries(replication).map(([datacenter, replicas]) => `${literal(datacenter)}: ${replicas}`),
  ];
  return `CREATE KEYSPACE IF NOT EXISTS ${quoted(keyspace)} WITH replication = {${options.join(", ")}}`;
}

/** Creates a table; `options` as CQL sets them: `gc_grace_seconds = 3600`. */
export function createTable(shape: TableShape, options: readonly string[] = []): string {
  const columns = shape.columns.map(({ name, type }) => `${quoted(name)} ${type}`);
  const partition = ofKind(shape, ColumnKind.Partition).map(({ name }) => quoted(name));
  const clustering = ofKind(shape, ColumnKind.Clustering);
  const key = [`(${partition.join(", ")})`, ...clustering.map(({ name }) => quoted(name))].join(", ");
  const order = clustering.map(({ name, order }) => `${quoted(name)} ${order.toUpperCase()}`).join(", ");
  const set = [...(clustering.length === 0 ? [] : [`CLUSTERING ORDER BY (${order})`]), ...options];
  const end = set.length === 0 ? "" : ` WITH ${set.join(" AND ")}`;
  return `CREATE TABLE IF NOT EXISTS ${qualified(shape)} (${columns.join(", ")}, PRIMARY KEY (${key}))${end}`;
}

function ofKind(shape: TableShape, kind: ColumnKind): ShapeColumn[] {
  return shape.columns.filter((column) => column.kind === kind).sort((a, b) => a.position - b.position);
}

export function addColumn(shape: TableShape, { name, type }: ShapeColumn): string {
  return `ALTER TABLE ${qualified(shape)} ADD IF NOT EXISTS ${quoted(name)} ${type}`;
}

/**
 * Writes a row as of its event's time. Parameters: the cells in the order of the table's columns, the timestamp,
 * and, where rows have a time to live, that one.
 */
export function insertRow(table: TableDefinition): string {
  const names = Object.keys(table.columns);
  const using = timeToLiveSeconds(table) > 0 ? "TIMESTAMP ? AND TTL ?" : "TIMESTAMP ?";
  const columns = names.map(quoted).join(", ");
  return `INSERT INTO ${qualified(table)} (${columns}) VALUES (${marks(names.length)}) USING ${using}`;
}

/** Deletes a row as of its event's time. Parameters: the timestamp, the primary key's values in order. */
export function deleteRow(table: TableDefinition): string {
  const key = [...table.partitionKey, ...table.clusteringKey.map(({ column }) => column)];
  const where = key.map((name) => `${quoted(name)} = ?`).join(" AND ");
  return `DELETE FROM ${qualified(table)} USING TIMESTAMP ? WHERE ${where}`;
}

/** Reads who has one token: one partition or, nearly always, none. Parameter: the token, int64. */
export function readToken(table: TableDefinition): string {
  const key = table.partitionKey.map(quoted).join(", ");
  return `SELECT ${key} FROM ${qualified(table)} WHERE token(${key}) = ? LIMIT 1`;
}

/** Claims a message. Parameters: the ledger's columns in order, and the time to live where there is one. */
export function claimMessage(table: TableDefinition): string {
  const ledger = ledgerTable(table);
  const columns = ledger.columns.map(({ name }) => quoted(name)).join(", ");
  const using = ledgerTimeToLive(table) > 0 ? " USING TTL ?" : "";
  return `INSERT INTO ${qualified(ledger)} (${columns}) VALUES (${marks(ledger.columns.length)}) IF NOT EXISTS${using}`;
}

/** Reads one entry of the ledger. Parameters: entity, message id. */
export function readClaim(table: TableDefinition): string {
  return `SELECT "body_sha256" FROM ${qualified(ledgerTable(table))} WHERE "entity" = ? AND "message_id" = ?`;
}

/** Reads who took a message. Parameters: entity, message id. */
export function readEntry(table: TableDefinition): string {
  const ledger = ledgerTable(table);
  const columns = ofKind(ledger, ColumnKind.Regular).map(({ name }) => quoted(name));
  return `SELECT ${columns.join(", ")} FROM ${qualified(ledger)} WHERE "entity" = ? AND "message_id" = ?`;
}

/**
 * Reads when a row's cells were written, by its whole primary key. Parameters: the key's values, in the order of
 * partition key and clustering key. Without another column than the key's it only says whether the row is there.
 */
export function readWritten(table: TableDefinition): string {
  const key = [...table.partitionKey, ...table.clusteringKey.map(({ column }) => column)];
  const others = Object.keys(table.columns).filter((name) => !key.includes(name));
  const selected = others.length === 0 ? key.map(quoted) : others.map((name) => `writetime(${quoted(name)})`);
  const where = key.map((name) => `${quoted(name)} = ?`).join(" AND ");
  return `SELECT ${selected.join(", ")} FROM ${qualified(table)} WHERE ${where}`;
}

function marks(count: number): string {
  return Array.from({ length: count }, () => "?").join(", ");
}
