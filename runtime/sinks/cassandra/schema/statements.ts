import { durationSeconds, type TableOptions } from "../../../contract/index.js";
import { literal, qualified, quoted } from "../cql.js";
import type { TypeShape } from "./state.js";

/** A table, or a type, by its place. */
interface Named {
  keyspace: string;
  name: string;
}

/** `{'class': 'LZ4Compressor', 'chunk_length_in_kb': '16'}`. */
function mapText(entries: { readonly [key: string]: string | number }): string {
  const parts = Object.entries(entries).map(
    ([key, value]) => `${literal(key)}: ${typeof value === "number" ? value : literal(value)}`,
  );
  return `{${parts.join(", ")}}`;
}

/** Sets the replicas of a keyspace by datacenter. */
export function alterReplication(keyspace: string, replicas: { readonly [datacenter: string]: number }): string {
  return `ALTER KEYSPACE ${quoted(keyspace)} WITH replication = ${mapText({ class: "NetworkTopologyStrategy", ...replicas })}`;
}

export function createType(keyspace: string, { name, fields }: TypeShape): string {
  const parts = fields.map((field) => `${quoted(field.name)} ${field.type}`);
  return `CREATE TYPE IF NOT EXISTS ${qualified({ keyspace, name })} (${parts.join(", ")})`;
}

export function addField(type: Named, field: { name: string; type: string }): string {
  return `ALTER TYPE ${qualified(type)} ADD IF NOT EXISTS ${quoted(field.name)} ${field.type}`;
}

export function dropColumn(table: Named, column: string): string {
  return `ALTER TABLE ${qualified(table)} DROP IF EXISTS ${quoted(column)}`;
}

/** Names of a table's options in CQL. */
export const OptionName = {
  comment: "comment",
  gcGrace: "gc_grace_seconds",
  compaction: "compaction",
  compression: "compression",
} as const satisfies { readonly [option in keyof TableOptions]-?: string };

/** Each option that is stated, as CQL sets it: `gc_grace_seconds = 3600`. */
export function optionTexts({ comment, gcGrace, compaction, compression }: TableOptions): string[] {
  return [
    ...(comment === undefined ? [] : [`${OptionName.comment} = ${literal(comment)}`]),
    ...(gcGrace === undefined ? [] : [`${OptionName.gcGrace} = ${durationSeconds(gcGrace)}`]),
    ...(compaction === undefined ? [] : [`${OptionName.compaction} = ${mapText(compaction)}`]),
    ...(compression === undefined ? [] : [`${OptionName.compression} = ${mapText(compression)}`]),
  ];
}

/** Sets one option of a table. */
export function alterOption(table: Named, option: string): string {
  return `ALTER TABLE ${qualified(table)} WITH ${option}`;
}
