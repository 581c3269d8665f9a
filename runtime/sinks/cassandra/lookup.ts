import type { Client } from "cassandra-driver";
import { type Connection, type Pipeline, parseCqlType, type TableDefinition } from "../../contract/index.js";
import { connect } from "./client.js";
import { readEntry, readWritten } from "./cql.js";
import { cassandraParts } from "./parts.js";
import { codecOf } from "./structures.js";

/** Who took a message, as the table's ledger says. */
export interface FoundEntry {
  worker: string;
  bodySha256: string;
  traceId: string;
  sequenceNumber: string;
  claimedAt: Date;
}

/** A row, as far as its writes tell. */
export interface FoundRow {
  /** The time that its cells carry, the newest: its event's. Absent where it has no cells besides its key. */
  writtenAs?: Date;
}

const MICROSECONDS = 1_000n;

/** Looks into a pipeline's table. Connected with `open`, to be closed. */
export class RowLookup {
  private constructor(
    private readonly client: Client,
    readonly table: TableDefinition,
    private readonly ledger: boolean,
  ) {}

  /** Connects. Throws with what each contact point answered. */
  static async open(pipeline: Pipeline, connection: Connection): Promise<RowLookup> {
    const { sink, cassandra } = cassandraParts(pipeline, connection);
    return new RowLookup(await connect(cassandra), sink.table, sink.ledger);
  }

  /** What the ledger says of a message; undefined where it says nothing, or the pipeline keeps none. */
  async entry(entity: string, messageId: string): Promise<FoundEntry | undefined> {
    if (!this.ledger) return undefined;
    const result = await this.client.execute(readEntry(this.table), [entity, messageId]);
    const row = result.first();
    if (row === null || row === undefined) return undefined;
    const at: unknown = row["claimed_at"];
    return {
      worker: String(row["worker"]),
      bodySha256: String(row["body_sha256"]),
      traceId: String(row["trace_id"]),
      sequenceNumber: String(row["sequence_number"]),
      claimedAt: at instanceof Date ? at : new Date(0),
    };
  }

  /** The row of a primary key in text form, as an outcome names it; undefined where it is not there. */
  async row(key: readonly string[]): Promise<FoundRow | undefined> {
    const { table } = this;
    const names = [...table.partitionKey, ...table.clusteringKey.map(({ column }) => column)];
    if (names.length !== key.length) throw new Error(`the primary key has ${names.length} columns, not ${key.length}`);
    const values = names.map((name, i) =>
      codecOf(parseCqlType(table.columns[name]?.type ?? "text", table.types)).fromText(key[i] ?? ""),
    );
    const found = (await this.client.execute(readWritten(table), values)).first();
    return found === null || found === undefined ? undefined : rowOf(table, found.values());
  }

  async close(): Promise<void> {
    await this.client.shutdown();
  }
}

/** What `readWritten` has answered. Of a table of nothing but its key these are values of the key, and no times. */
export function rowOf(table: TableDefinition, values: readonly unknown[]): FoundRow {
  if (Object.keys(table.columns).length === table.partitionKey.length + table.clusteringKey.length) return {};
  const times = values.filter((value): value is bigint => typeof value === "bigint");
  const [first] = times;
  if (first === undefined) return {};
  const newest = times.reduce((latest, time) => (time > latest ? time : latest), first);
  return { writtenAs: new Date(Number(newest / MICROSECONDS)) };
}
