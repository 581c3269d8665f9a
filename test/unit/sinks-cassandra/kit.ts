import type { Client } from "cassandra-driver";
import {
  type Column,
  messageKey,
  parseCqlType,
  type ScalarType,
  type SinkMessage,
  sha256,
  type TableDefinition,
} from "../../../runtime/contract/index.js";
import type { Clients } from "../../../runtime/sinks/cassandra/clientSource.js";
import { type Row, RowMapper } from "../../../runtime/sinks/cassandra/mapping.js";
import { codecOf } from "../../../runtime/sinks/cassandra/structures.js";
import { Unfit } from "../../../runtime/sinks/cassandra/unfit.js";
import { scalarCodecs } from "../../../runtime/sinks/cassandra/values.js";

/** A table with one column of a type beside its key. */
export function tableOf(type: ScalarType, column: Partial<Column> = { body: "value" }): TableDefinition {
  return {
    keyspace: "ks",
    name: "t",
    columns: { id: { type: "text", body: "id" }, value: { type, ...column } },
    partitionKey: ["id"],
    clusteringKey: [],
    from: { time: { body: "at" } },
    lastWriterPerCell: true,
  };
}

export function message(body: object | string | Buffer, changes: Partial<SinkMessage> = {}): SinkMessage {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return {
    key: messageKey("q", "m"),
    entity: "q",
    messageId: "m",
    body: bytes,
    bodySha256: sha256(bytes),
    properties: {},
    enqueuedTime: new Date(0),
    sequenceNumber: "1",
    deliveryCount: 1,
    traceId: "0".repeat(32),
    ...changes,
  };
}

/** The row of a message, or the reason and the description of its poison. */
export function mapped(table: TableDefinition, source: SinkMessage): Row | { reason: string; description: string } {
  try {
    return new RowMapper(table).row(source);
  } catch (error) {
    if (error instanceof Unfit) return { reason: error.reason, description: error.outcome.description };
    throw error;
  }
}

/** The cell that JSON text becomes in a column of a type, in text form; the reason where it becomes none. */
export function cellText(type: ScalarType, json: string): string {
  const result = mapped(tableOf(type), message(`{"id":"x","at":0,"value":${json}}`));
  if ("reason" in result) return result.reason;
  const cell = result.cells[1];
  return cell === undefined ? "unset" : scalarCodecs[type].text(cell);
}

/** A row's cells in text form, by column; `unset` where the message has none. */
export function cellsOf(table: TableDefinition, source: SinkMessage): { [column: string]: string } {
  const result = mapped(table, source);
  if ("reason" in result) return result;
  const columns = Object.entries(table.columns);
  return Object.fromEntries(
    columns.map(([name, { type }], i) => {
      const cell = result.cells[i];
      return [name, cell === undefined ? "unset" : codecOf(parseCqlType(type, table.types)).text(cell)];
    }),
  );
}

/** A source of one client that never changes. */
export function always(client: Client): Clients {
  return { current: () => client, use: (request) => request(client) };
}
