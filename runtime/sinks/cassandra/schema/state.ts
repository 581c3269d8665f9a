import type { Client, types } from "cassandra-driver";
import {
  type CassandraSink,
  gcGraceSeconds,
  parseCqlType,
  partsOf,
  type TableDefinition,
  type TableOptions,
  type TypeTree,
  timeToLiveSeconds,
  typeText,
} from "../../../contract/index.js";
import { ledgerTable, rowTable, type ShapeColumn, type TableShape } from "../cql.js";

/** A user-defined type: its fields in order. */
export interface TypeShape {
  name: string;
  fields: { name: string; type: string }[];
}

/** A table as it must be. */
export interface WantedTable {
  shape: TableShape;
  /** Options that the definition states; the others are left as they are. */
  options: TableOptions;
  /** True where rows without a time to live of their own must stay for ever. */
  keepsForever: boolean;
}

/** What a pipeline wants of its keyspace. */
export interface WantedSchema {
  keyspace: string;
  /** Replicas by datacenter. */
  replication: { readonly [datacenter: string]: number };
  /** User-defined types, each behind those that it is made of. */
  types: TypeShape[];
  tables: WantedTable[];
}

/** A column as it is: beside those of a definition there are static ones. */
export type LiveColumn = Omit<ShapeColumn, "kind"> & { kind: string };

/** A table as it is. */
export interface LiveTable {
  columns: LiveColumn[];
  /** Columns that were dropped: their types, and when, in milliseconds since 1970. */
  dropped: { name: string; type: string; at: number }[];
  options: {
    comment: string;
    gcGraceSeconds: number;
    defaultTimeToLive: number;
    compaction: { readonly [option: string]: string };
    compression: { readonly [option: string]: string };
  };
}

/** A keyspace as it is. */
export interface LiveSchema {
  /** Nodes of each datacenter, those that are down among them. */
  nodes: { readonly [datacenter: string]: number };
  /** Undefined where the keyspace does not exist. */
  replication: { strategy: string; replicas: { readonly [datacenter: string]: number } } | undefined;
  types: TypeShape[];
  tables: { readonly [name: string]: LiveTable };
}

/** What a pipeline's sink wants. */
export function wantedSchema({ table, replication, ledger }: CassandraSink): WantedSchema {
  const rows = rowTable(table);
  const columns = rows.columns.map((column) => ({ ...column, type: canonical(column.type, table) }));
  return {
    keyspace: table.keyspace,
    replication,
    types: typesOf(table),
    tables: [
      {
        shape: { ...rows, columns },
        options: statedOptions(table),
        keepsForever: timeToLiveSeconds(table) === 0,
      },
      ...(ledger ? [{ shape: ledgerTable(table), options: {}, keepsForever: timeToLiveSeconds(table) === 0 }] : []),
    ],
  };
}

/** A deletion is held as long as the definition says, by default too: what is older is refused by that figure. */
function statedOptions(table: TableDefinition): TableOptions {
  const { options = {}, from } = table;
  return from.deletes === undefined ? options : { ...options, gcGrace: `${gcGraceSeconds(table)}s` };
}

/** A type as Cassandra writes it. */
function canonical(type: string, { types = {} }: TableDefinition): string {
  return typeText(parseCqlType(type, types));
}

/** The definition's types, each behind those that it is made of. */
function typesOf({ types = {} }: TableDefinition): TypeShape[] {
  const done = new Map<string, TypeShape>();
  const visit = (tree: TypeTree): void => {
    for (const part of partsOf(tree)) visit(part);
    if (tree.kind !== "udt" || done.has(tree.name)) return;
    const fields = tree.fields.map(({ name, type }) => ({ name, type: typeText(type) }));
    done.set(tree.name, { name: tree.name, fields });
  };
  for (const name of Object.keys(types)) visit(parseCqlType(`frozen<${name}>`, types));
  return [...done.values()];
}

/** How one reads of a node's own system tables. */
export type Ask = (query: string, parameters: string[]) => Promise<types.Row[]>;

/** The keyspace as it is, read from the node that `ask` asks. */
export async function readLive(keyspace: string, client: Client, ask: Ask): Promise<LiveSchema> {
  const by = "WHERE keyspace_name = ?";
  const [found] = await ask(`SELECT replication FROM system_schema.keyspaces ${by}`, [keyspace]);
  const types = await ask(`SELECT type_name, field_names, field_types FROM system_schema.types ${by}`, [keyspace]);
  const tables = await ask(
    "SELECT table_name, comment, gc_grace_seconds, default_time_to_live, compaction, compression " +
      `FROM system_schema.tables ${by}`,
    [keyspace],
  );
  const columns = await ask(
    `SELECT table_name, column_name, type, kind, position, clustering_order FROM system_schema.columns ${by}`,
    [keyspace],
  );
  const dropped = await ask(
    `SELECT table_name, column_name, type, dropped_time FROM system_schema.dropped_columns ${by}`,
    [keyspace],
  );
  return {
    nodes: nodesOf(client),
    replication: found === undefined ? undefined : replicationOf(found),
    types: types.map((row) => ({
      name: String(row["type_name"]),
      fields: texts(row["field_names"]).map((name, i) => ({ name, type: texts(row["field_types"])[i] ?? "" })),
    })),
    tables: Object.fromEntries(
      tables.map((row) => {
        const name = String(row["table_name"]);
        const own = (each: types.Row): boolean => String(each["table_name"]) === name;
        return [name, tableOf(row, columns.filter(own), dropped.filter(own))];
      }),
    ),
  };
}

/** Nodes by datacenter, as the client knows them. */
export function nodesOf(client: Client): { [datacenter: string]: number } {
  const nodes: { [datacenter: string]: number } = {};
  for (const { datacenter } of client.hosts.values()) nodes[datacenter] = (nodes[datacenter] ?? 0) + 1;
  return nodes;
}

/** A row of `system_schema.keyspaces`: the strategy's name without its package, and the replicas by datacenter. */
export function replicationOf(row: types.Row): { strategy: string; replicas: { [datacenter: string]: number } } {
  const { class: strategy = "", ...replicas } = mapOf(row["replication"]);
  return {
    strategy: strategy.split(".").at(-1) ?? "",
    replicas: Object.fromEntries(Object.entries(replicas).map(([datacenter, count]) => [datacenter, Number(count)])),
  };
}

function tableOf(row: types.Row, columns: types.Row[], dropped: types.Row[]): LiveTable {
  return {
    columns: columns.map((column) => ({
      name: String(column["column_name"]),
      type: String(column["type"]),
      kind: String(column["kind"]),
      position: Number(column["position"]),
      order: orderOf(column["clustering_order"]),
    })),
    dropped: dropped.map((column) => {
      const at: unknown = column["dropped_time"];
      return {
        name: String(column["column_name"]),
        type: String(column["type"]),
        at: at instanceof Date ? at.getTime() : Number(at),
      };
    }),
    options: {
      comment: String(row["comment"] ?? ""),
      gcGraceSeconds: Number(row["gc_grace_seconds"]),
      defaultTimeToLive: Number(row["default_time_to_live"]),
      compaction: mapOf(row["compaction"]),
      compression: mapOf(row["compression"]),
    },
  };
}

function orderOf(value: unknown): ShapeColumn["order"] {
  const text = String(value).toLowerCase();
  return text === "asc" || text === "desc" ? text : "none";
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function mapOf(value: unknown): { [key: string]: string } {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries<unknown>({ ...value }).map(([key, entry]) => [key, String(entry)]));
}
