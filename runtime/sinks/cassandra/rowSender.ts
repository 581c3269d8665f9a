import { types } from "cassandra-driver";
import { type CassandraSink, Consistency, timeToLiveSeconds } from "../../contract/index.js";
import type { Clients } from "./clientSource.js";
import { deleteRow, insertRow } from "./cql.js";
import type { TimeRules } from "./eventTime.js";
import { type Row, RowChange } from "./mapping.js";

export const consistencyOf: Record<Consistency, types.consistencies> = {
  [Consistency.LocalOne]: types.consistencies.localOne,
  [Consistency.LocalQuorum]: types.consistencies.localQuorum,
  [Consistency.Quorum]: types.consistencies.quorum,
  [Consistency.EachQuorum]: types.consistencies.eachQuorum,
  [Consistency.All]: types.consistencies.all,
};

/**
 * Sends rows as prepared statements, several as one unlogged batch. The driver sends each request to a replica of the
 * partition of its first row, as it knows from the statement's metadata.
 */
export class RowSender {
  private readonly insert: string;
  private readonly delete: string;
  private readonly expires: boolean;
  /** Places of the primary key among a row's cells, in the order of the deletion's parameters. */
  private readonly keyPlaces: number[];
  private readonly options: { prepare: true; isIdempotent: true; consistency: types.consistencies; logged: false };

  constructor(
    private readonly clients: Clients,
    { table, consistency }: Pick<CassandraSink, "table" | "consistency">,
    private readonly rules: Pick<TimeRules, "secondsLeft">,
    private readonly now: () => number,
  ) {
    const columns = Object.keys(table.columns);
    const key = [...table.partitionKey, ...table.clusteringKey.map(({ column }) => column)];
    this.insert = insertRow(table);
    this.delete = deleteRow(table);
    this.expires = timeToLiveSeconds(table) > 0;
    this.keyPlaces = key.map((name) => columns.indexOf(name));
    this.options = { prepare: true, isIdempotent: true, consistency: consistencyOf[consistency], logged: false };
  }

  /** Rejects with the driver's error. */
  async send(rows: readonly Row[]): Promise<void> {
    const { options } = this;
    const queries = rows.map((row) => this.statement(row));
    const [only] = queries;
    await this.clients.use((client) =>
      only !== undefined && queries.length === 1
        ? client.execute(only.query, only.params, options)
        : client.batch(queries, options),
    );
  }

  private statement(row: Row): { query: string; params: unknown[] } {
    const { cells, timestamp } = row;
    if (row.change === RowChange.Delete)
      return { query: this.delete, params: [timestamp, ...this.keyPlaces.map((place) => cells[place])] };
    // Absent cells stay unset: nothing is written for them, no tombstone either.
    const params: unknown[] = cells.map((cell) => cell ?? types.unset);
    params.push(timestamp);
    // A row that has ended since it was looked at last ends at once.
    if (this.expires) params.push(this.rules.secondsLeft(row, this.now()) ?? 1);
    return { query: this.insert, params };
  }
}
