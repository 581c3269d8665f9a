import { Client } from "cassandra-driver";
import type { CassandraMetrics, CassandraSink, CassandraState, OutOfTime } from "../../../runtime/contract/index.js";
import { TimeRules } from "../../../runtime/sinks/cassandra/eventTime.js";
import type { Row } from "../../../runtime/sinks/cassandra/mapping.js";
import { RowWriter, type WriterOptions } from "../../../runtime/sinks/cassandra/writer.js";
import { always, tableOf } from "./kit.js";

/** A sink that sends every row at once, in small batches. */
export const smallSink: CassandraSink = {
  table: tableOf("text"),
  replication: { dc1: 1 },
  consistency: "LOCAL_QUORUM",
  batchMaxRows: 3,
  batchMaxBytes: 1000,
  flushMilliseconds: 0,
  maxInFlight: 8,
  batchBy: "partition",
  ledger: false,
};

/** A row of 100 bytes; its id is its first cell. */
export function row(id: string, partition = id, changes: Partial<Row> = {}): Row {
  return {
    change: "write",
    cells: [Buffer.from(id), undefined],
    timestamp: 1n,
    eventTime: 0,
    partition,
    partitionKey: partition,
    bytes: 100,
    ...changes,
  };
}

/** A request as the driver was given it. */
export interface Sent {
  /** First parameter of each statement that writes, second of each that deletes: the row's id. */
  ids: string[];
  statements: { query: string; params: unknown[] }[];
  options: { consistency?: number; prepare?: boolean; isIdempotent?: boolean; logged?: boolean };
}

/** A client that is never connected: each request is answered by the test. */
export function clientThat(answer: (sent: Sent) => void | Promise<void>): { client: Client; sent: Sent[] } {
  const sent: Sent[] = [];
  const take = async (statements: Sent["statements"], options: Sent["options"] = {}) => {
    const ids = statements.map(({ query, params }) => String(params[query.startsWith("DELETE") ? 1 : 0]));
    const request = { ids, statements, options };
    sent.push(request);
    await answer(request);
  };
  const client = new Client({ contactPoints: ["127.0.0.1"], localDataCenter: "dc1" });
  const execute = (query: string, params: unknown[], options: Sent["options"]) => take([{ query, params }], options);
  return { client: Object.assign(client, { execute, batch: take }), sent };
}

/** A writer on such a client, with a table that stands. */
export function writerOn(
  client: Client,
  changes: Partial<Omit<WriterOptions, "clients" | "sink">> & { sink?: Partial<CassandraSink> } = {},
) {
  const { sink: changed, ...rest } = changes;
  const sink = { ...smallSink, ...changed };
  return new RowWriter({
    clients: always(client),
    rules: new TimeRules(sink.table),
    localDatacenter: "dc1",
    intact: async () => true,
    capacity: 1000,
    now: () => 0,
    ...rest,
    sink,
  });
}

/** Metrics that remember what they were told. */
export class ToldMetrics implements CassandraMetrics {
  readonly batches: { rows: number; bytes: number }[] = [];
  readonly times: OutOfTime[] = [];
  state: CassandraState | undefined;

  sent(rows: number, bytes: number): void {
    this.batches.push({ rows, bytes });
  }

  outOfTime(why: OutOfTime): void {
    this.times.push(why);
  }

  watch(state: CassandraState): void {
    this.state = state;
  }
}
