import { randomBytes } from "node:crypto";
import { types } from "cassandra-driver";
import {
  type CassandraSink,
  Consistency,
  type Outcome,
  PoisonReason,
  RetryCode,
  type SinkContext,
  timeToLiveSeconds,
} from "../../contract/index.js";
import { Semaphore } from "../../support/semaphore.js";
import { PROBE_MS } from "./client.js";
import type { Clients } from "./clientSource.js";
import { insertRow, readToken } from "./cql.js";
import { failureOf } from "./failures.js";
import type { Row } from "./mapping.js";
import { CassandraOperation } from "./operations.js";

/** A row to be written, and how long it lives. */
export interface PendingRow {
  row: Row;
  /** Seconds; without effect where the table has no time to live. */
  timeToLive: number;
}

/** What became of a row. */
export type Written = { kind: "written" } | Exclude<Outcome, { kind: "done" }>;

/** What of a sink's context the writer uses. */
type WriteContext = Pick<SinkContext, "signal" | "call">;

const WRITTEN: Written = { kind: "written" };

export const consistencyOf: Record<Consistency, types.consistencies> = {
  [Consistency.LocalOne]: types.consistencies.localOne,
  [Consistency.LocalQuorum]: types.consistencies.localQuorum,
  [Consistency.Quorum]: types.consistencies.quorum,
  [Consistency.EachQuorum]: types.consistencies.eachQuorum,
  [Consistency.All]: types.consistencies.all,
};

/** Writes rows in batches of one partition each: such a batch is one mutation, sent once to each replica. */
export class RowWriter {
  private readonly places: Semaphore;
  private readonly insert: string;
  private readonly select: string;
  private readonly expires: boolean;
  private readonly consistency: types.consistencies;

  /** `intact` says whether the table is still as it was prepared for. */
  constructor(
    private readonly clients: Clients,
    private readonly sink: CassandraSink,
    private readonly intact: () => Promise<boolean>,
  ) {
    this.places = new Semaphore(sink.maxInFlight);
    this.insert = insertRow(sink.table);
    this.select = readToken(sink.table);
    this.expires = timeToLiveSeconds(sink.table) > 0;
    this.consistency = consistencyOf[sink.consistency];
  }

  /** What became of each row, in the order given. Never rejects. */
  async write(rows: PendingRow[], context: WriteContext): Promise<Written[]> {
    const results = new Map<PendingRow, Written>();
    await Promise.all(
      batches(rows, this.sink).map((batch) =>
        this.places.run(async () => {
          for (const [i, written] of (await this.writeBatch(batch, context)).entries()) {
            const row = batch[i];
            if (row !== undefined) results.set(row, written);
          }
        }),
      ),
    );
    return rows.map((row) => results.get(row) ?? interrupted());
  }

  /** A read of another token each time, at the consistency of the writes. Throws where it is not answered. */
  async probe(): Promise<void> {
    const token = BigInt.asIntN(64, BigInt(`0x${randomBytes(8).toString("hex")}`));
    const options = { consistency: this.consistency, readTimeout: PROBE_MS };
    await this.clients.use((client) => client.execute(this.select, [token], options));
  }

  private async writeBatch(rows: PendingRow[], context: WriteContext): Promise<Written[]> {
    if (context.signal.aborted) return rows.map(interrupted);
    try {
      await context.call(CassandraOperation.Write, () => this.send(rows));
      return rows.map(() => WRITTEN);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "retry") return rows.map(() => failure);
      if (rows.length > 1) return this.writeSingly(rows, context);
      return [await this.refused(failure.description, context)];
    }
  }

  /** One row of the batch was refused, and the others with it: each is sent by itself to find out which. */
  private async writeSingly(rows: PendingRow[], context: WriteContext): Promise<Written[]> {
    const written: Written[] = [];
    for (const row of rows) written.push(...(await this.writeBatch([row], context)));
    return written;
  }

  /** A refused row is poison only while the table stands: a dropped table must not empty the queue. */
  private async refused(description: string, { call }: WriteContext): Promise<Written> {
    const intact = await call(CassandraOperation.CheckSchema, this.intact).catch(() => false);
    if (!intact)
      return {
        kind: "retry",
        code: RetryCode.StoreUnavailable,
        description: `The table is not as it was when the worker started: ${description}`,
      };
    return {
      kind: "poison",
      reason: PoisonReason.InvalidValue,
      description: `Cassandra refuses the row: ${description}`,
    };
  }

  private async send(rows: PendingRow[]): Promise<void> {
    const options = { prepare: true, isIdempotent: true, consistency: this.consistency };
    const [only] = rows;
    if (only !== undefined && rows.length === 1) {
      await this.clients.use((client) => client.execute(this.insert, this.parameters(only), options));
      return;
    }
    const queries = rows.map((row) => ({ query: this.insert, params: this.parameters(row) }));
    await this.clients.use((client) => client.batch(queries, { ...options, logged: false }));
  }

  /** Absent cells stay unset: nothing is written for them, no tombstone either. */
  private parameters({ row, timeToLive }: PendingRow): unknown[] {
    const cells: unknown[] = row.cells.map((cell) => cell ?? types.unset);
    cells.push(row.timestamp);
    if (this.expires) cells.push(timeToLive);
    return cells;
  }
}

/** Groups rows by partition, each group cut at the sink's limits. A row above the limit of bytes goes alone. */
export function batches<T extends { row: Pick<Row, "partition" | "bytes"> }>(
  rows: T[],
  limits: Pick<CassandraSink, "batchMaxRows" | "batchMaxBytes">,
): T[][] {
  const open = new Map<string, { rows: T[]; bytes: number }>();
  const full: T[][] = [];
  for (const row of rows) {
    const { partition, bytes } = row.row;
    const batch = open.get(partition);
    const fits =
      batch !== undefined && batch.rows.length < limits.batchMaxRows && batch.bytes + bytes <= limits.batchMaxBytes;
    if (fits) {
      batch.rows.push(row);
      batch.bytes += bytes;
    } else {
      if (batch !== undefined) full.push(batch.rows);
      open.set(partition, { rows: [row], bytes });
    }
  }
  return [...full, ...[...open.values()].map((batch) => batch.rows)];
}

function interrupted(): Written {
  return { kind: "retry", code: RetryCode.Interrupted, description: "The work was stopped." };
}
