import { defineTable, type TableDefinition } from "../../../runtime/contract/index.js";

/** The keyspace of every table of the benchmark. */
export const KEYSPACE = "bench";

/** Rows in partitions of their own. */
export const OWN = Number.POSITIVE_INFINITY;
/** Partitions of the load whose batches fill about as the bare driver's do. */
export const TEN = 10;

/** Midnight of the event of the first row: the past, for any run of it. */
const EPOCH = Date.UTC(2026, 0, 31);

/** What a message says, and what a row holds: 200 bytes of values. */
export interface Reading {
  /** 12 characters. */
  device: string;
  /** ISO 8601, in milliseconds. */
  at: string;
  sequence: number;
  celsius: number;
  /** 148 characters. */
  note: string;
}

/** The columns of a row in their order, as statements written by hand name them; `id` is the message's. */
export const COLUMNS = ["device", "at", "id", "sequence", "celsius", "note"] as const;

/** A table for such rows. */
export function tableOf(name: string): TableDefinition {
  return defineTable({
    keyspace: KEYSPACE,
    name,
    columns: {
      device: { type: "text", body: "device" },
      at: { type: "timestamp", body: "at" },
      id: { type: "uuid", message: "messageId" },
      sequence: { type: "bigint", body: "sequence" },
      celsius: { type: "double", body: "celsius" },
      note: { type: "text", body: "note" },
    },
    partitionKey: ["device"],
    clusteringKey: [{ column: "at" }, { column: "id" }],
    from: { time: { body: "at" } },
  });
}

/** A statement with which a program of one's own writes such a row. */
export function insertInto(table: string): string {
  return `INSERT INTO ${KEYSPACE}.${table} (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`;
}

/** The id of the n-th message. */
export function idOf(n: number): string {
  return `5b6962dd-3f90-4c93-8f61-${n.toString(16).padStart(12, "0")}`;
}

/** Numbers that follow each other, far apart: devices report in no order. */
function scattered(n: number): number {
  let mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** The n-th reading, the same each time. Its partition is one of so many, at random. */
export function readingOf(n: number, partitions: number): Reading {
  const partition = partitions === OWN ? n : scattered(n) % partitions;
  return {
    device: `d-${String(partition).padStart(10, "0")}`,
    at: new Date(EPOCH + n).toISOString(),
    sequence: n,
    celsius: (n % 4_000) / 100,
    note: "n".repeat(148),
  };
}
