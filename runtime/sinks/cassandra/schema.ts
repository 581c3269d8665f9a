import type { Client, types } from "cassandra-driver";
import {
  type CassandraSink,
  type Connection,
  InvalidInputError,
  type Pipeline,
  problem,
  StowageError,
} from "../../contract/index.js";
import { connectWhenUp, describe, SCHEMA_MS } from "./client.js";
import {
  addColumn,
  ColumnKind,
  createKeyspace,
  createTable,
  ledgerTable,
  rowTable,
  type ShapeColumn,
  type TableShape,
} from "./cql.js";

/** Codes of what is wrong with a keyspace or table. */
export const SchemaCode = {
  /** Something is not there; the schema job creates it. */
  Missing: "SchemaMissing",
  /** Something is there and different; a person has to decide. */
  Conflict: "SchemaConflict",
} as const;
export type SchemaCode = (typeof SchemaCode)[keyof typeof SchemaCode];

/** How an existing table differs from its definition. */
interface Differences {
  exists: boolean;
  /** Columns that are missing and can be added. */
  missing: ShapeColumn[];
  /** What no schema job can mend, a sentence each. */
  conflicts: string[];
}

/**
 * Creates the keyspace, the table and its ledger where they are missing and adds missing columns; run twice, it
 * changes nothing the second time. It never alters a key, a type or a replication: those are refused as
 * `SchemaConflict`, since they lose rows or need a repair.
 */
export async function applySchema(pipeline: Pipeline, connection: Connection, signal: AbortSignal): Promise<void> {
  const { sink, cassandra } = cassandraParts(pipeline, connection);
  const client = await connectWhenUp(cassandra, signal);
  try {
    await change(client, createKeyspace(sink.table.keyspace, sink.replication));
    await checkReplication(client, sink);
    for (const shape of tablesOf(sink)) {
      signal.throwIfAborted();
      await change(client, createTable(shape));
      const { missing, conflicts } = await differences(client, shape);
      if (conflicts.length > 0) throw conflict(shape, conflicts);
      for (const column of missing) await change(client, addColumn(shape, column));
    }
  } finally {
    await client.shutdown();
  }
}

/** Throws a StowageError where the tables are not what the pipeline says. */
export async function checkSchema(client: Client, sink: CassandraSink): Promise<void> {
  for (const shape of tablesOf(sink)) {
    const { exists, missing, conflicts } = await differences(client, shape);
    if (conflicts.length > 0) throw conflict(shape, conflicts);
    if (exists && missing.length === 0) continue;
    const what = exists ? `has no column ${missing.map(({ name }) => name).join(", ")}` : "does not exist";
    throw new StowageError(
      SchemaCode.Missing,
      `Table ${shape.keyspace}.${shape.name} ${what}. Run the pipeline's schema job: stowage-worker schema.`,
    );
  }
}

/** The tables of a pipeline: its own, and the ledger where it keeps one. */
function tablesOf(sink: CassandraSink): TableShape[] {
  return sink.ledger ? [rowTable(sink.table), ledgerTable(sink.table)] : [rowTable(sink.table)];
}

/** The parts of a pipeline and a connection that concern Cassandra. Throws InvalidInputError where they lack. */
export function cassandraParts(pipeline: Pipeline, connection: Connection) {
  const { cassandra: sink } = pipeline.sink;
  const { cassandra } = connection;
  if (sink === undefined)
    throw new InvalidInputError("Invalid pipeline", [
      problem("sink.cassandra", undefined, "is missing", "Use a pipeline whose sink is Cassandra"),
    ]);
  if (cassandra === undefined)
    throw new InvalidInputError("Invalid connection", [
      problem("cassandra", undefined, "is missing; the pipeline's sink is Cassandra", "Give the ring's contact points"),
    ]);
  return { sink, cassandra };
}

async function change(client: Client, statement: string): Promise<void> {
  const result = await client
    .execute(statement, [], { prepare: false, isIdempotent: true, readTimeout: SCHEMA_MS })
    .catch((error: unknown) => {
      throw new StowageError(SchemaCode.Conflict, `Cassandra refuses "${statement}": ${describe(error)}`, {
        cause: error,
      });
    });
  // The driver has waited for it, but its types do not know the answer.
  if (Reflect.get(result.info, "isSchemaInAgreement") === false)
    throw new StowageError(
      SchemaCode.Conflict,
      `The nodes do not agree on the schema after "${statement}". Check that all of them are up, and run it again.`,
    );
}

async function checkReplication(client: Client, sink: CassandraSink): Promise<void> {
  const { keyspace } = sink.table;
  const rows = await client.execute("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?", [
    keyspace,
  ]);
  const found: unknown = rows.first()?.["replication"];
  const { class: strategy = "", ...replicas } = Object.fromEntries(
    Object.entries<unknown>(typeof found === "object" && found !== null ? { ...found } : {}),
  );
  const same =
    String(strategy).endsWith("NetworkTopologyStrategy") &&
    Object.keys(replicas).length === Object.keys(sink.replication).length &&
    Object.entries(sink.replication).every(([datacenter, count]) => String(replicas[datacenter]) === String(count));
  if (!same)
    throw new StowageError(
      SchemaCode.Conflict,
      `Keyspace ${keyspace} exists with the replication ${JSON.stringify(found)}, and the pipeline says ` +
        `${JSON.stringify(sink.replication)}. Change it with ALTER KEYSPACE and run a repair, or change the pipeline.`,
    );
}

async function differences(client: Client, shape: TableShape): Promise<Differences> {
  const { rows } = await client.execute(
    "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns " +
      "WHERE keyspace_name = ? AND table_name = ?",
    [shape.keyspace, shape.name],
  );
  const found = new Map(rows.map((row) => [String(row["column_name"]), row]));
  if (found.size === 0) return { exists: false, missing: [], conflicts: [] };
  const absent = shape.columns.filter(({ name }) => !found.has(name));
  const conflicts = [
    ...absent.filter(isKey).map(({ name }) => `it lacks the key column ${name}`),
    ...shape.columns.flatMap((column) => difference(column, found.get(column.name))),
    ...rows.flatMap((row) => surplusKey(shape, row)),
  ];
  return { exists: true, missing: absent.filter((column) => !isKey(column)), conflicts };
}

function isKey({ kind }: ShapeColumn): boolean {
  return kind !== ColumnKind.Regular;
}

function difference({ name, type, kind, position, order }: ShapeColumn, row: types.Row | undefined): string[] {
  if (row === undefined) return [];
  const there = { type: row["type"], kind: row["kind"], position: row["position"], order: row["clustering_order"] };
  if (there.type !== type) return [`its column ${name} is ${there.type} instead of ${type}`];
  if (there.kind !== kind || there.position !== position || there.order !== order)
    return [
      `its column ${name} is ${there.kind} ${there.position} ${there.order} instead of ${kind} ${position} ${order}`,
    ];
  return [];
}

function surplusKey(shape: TableShape, row: types.Row): string[] {
  const name = String(row["column_name"]);
  if (row["kind"] === ColumnKind.Regular || row["kind"] === "static") return [];
  return shape.columns.some((column) => column.name === name) ? [] : [`it has one more key column, ${name}`];
}

function conflict({ keyspace, name }: TableShape, conflicts: string[]): StowageError {
  return new StowageError(
    SchemaCode.Conflict,
    `Table ${keyspace}.${name} is not the one that the pipeline defines: ${conflicts.join("; ")}. ` +
      "Name another table, or change the definition: keys and types of a table cannot be altered.",
  );
}
