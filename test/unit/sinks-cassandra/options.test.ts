import { Client } from "cassandra-driver";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type CassandraSink, CONTRACT_VERSION, Consistency } from "../../../runtime/contract/index.js";
import { applySchema, createSink } from "../../../runtime/sinks/cassandra/index.js";
import { consistencyOf, type PendingRow, RowWriter } from "../../../runtime/sinks/cassandra/writer.js";
import { sinkContext } from "../../support/sinkContext.js";
import { pipelineTo, sinks } from "../support/pipelines.js";
import { always } from "./kit.js";

const { cassandra: base } = sinks.cassandra;
const connection = {
  contractVersion: CONTRACT_VERSION,
  serviceBus: { fullyQualifiedNamespace: "localhost", developmentEmulator: true },
  cassandra: { contactPoints: ["127.0.0.1"], port: 9042, localDatacenter: "dc1" },
};

const pipelineOf = (change: Partial<CassandraSink>, concurrency = 2_000) => {
  const pipeline = pipelineTo("cassandra", { sink: { cassandra: { ...base, ...change } } });
  return { ...pipeline, delivery: { ...pipeline.delivery, concurrency } };
};

/** A request of a writer: rows in it, and the consistency that it asks for. */
interface Request {
  rows: number;
  consistency: number | undefined;
  answer(): void;
}

/** Begins to write rows with a client that is never connected, and gives the requests that wait for their answers. */
function writing(change: Partial<CassandraSink>, rows: PendingRow[]) {
  const waiting: Request[] = [];
  const take = (count: number, options: { consistency?: number } = {}) =>
    new Promise<void>((answer) => {
      waiting.push({ rows: count, consistency: options.consistency, answer });
    });
  const client = Object.assign(new Client({ contactPoints: ["127.0.0.1"], localDataCenter: "dc1" }), {
    execute: (_query: string, _params: unknown[], options: { consistency?: number }) => take(1, options),
    batch: (queries: unknown[], options: { consistency?: number }) => take(queries.length, options),
  });
  const writer = new RowWriter(always(client), { ...base, ...change }, async () => true);
  return { waiting, written: writer.write(rows, sinkContext()) };
}

/** Rows of 1,000 bytes: so many in one partition, or each in its own. */
const rowsOf = (count: number, together: boolean): PendingRow[] =>
  Array.from({ length: count }, (_, i) => {
    const partition = together ? "p" : `p-${i}`;
    return {
      row: {
        change: "write" as const,
        eventTime: 0,
        cells: [],
        timestamp: 1n,
        partition,
        partitionKey: partition,
        bytes: 1_000,
      },
      timeToLive: 0,
    };
  });

describe("an option of the Cassandra sink", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(Object.values(Consistency))("consistency %s is what each write asks for, alone or in a batch", (level) => {
    const { waiting } = writing({ consistency: level }, [...rowsOf(2, true), ...rowsOf(1, false)]);
    expect(waiting.map(({ consistency }) => consistency)).toEqual([consistencyOf[level], consistencyOf[level]]);
  });

  test("batchMaxRows is how many rows go into one request", () => {
    const { waiting } = writing({ batchMaxRows: 7 }, rowsOf(20, true));
    expect(waiting.map(({ rows }) => rows)).toEqual([7, 7, 6]);
  });

  test("batchMaxBytes is how many bytes go into one request", () => {
    const { waiting } = writing({ batchMaxBytes: 5_500 }, rowsOf(12, true));
    expect(waiting.map(({ rows }) => rows)).toEqual([5, 5, 2]);
  });

  test("maxInFlight is how many requests are under way at once", async () => {
    const { waiting, written } = writing({ maxInFlight: 3 }, rowsOf(5, false));
    expect(waiting).toHaveLength(3);
    waiting[0]?.answer();
    await vi.waitFor(() => expect(waiting).toHaveLength(4));
    waiting[1]?.answer();
    await vi.waitFor(() => expect(waiting).toHaveLength(5));
    for (const { answer } of waiting) answer();
    expect(await written).toEqual(Array.from({ length: 5 }, () => ({ kind: "written" })));
  });

  test("batchMaxRows, maxInFlight and flushMilliseconds are how many messages the sink takes at once, and how long it waits", () => {
    const change = { batchMaxRows: 7, maxInFlight: 3, flushMilliseconds: 35 };
    const batching = (concurrency?: number) =>
      createSink({ pipeline: pipelineOf(change, concurrency), connection, worker: "w" }).batching;
    expect(batching()).toEqual({ maxMessages: 21, maxWaitMilliseconds: 35 });
    expect(batching(10)).toEqual({ maxMessages: 10, maxWaitMilliseconds: 35 });
  });

  test("replication and table.keyspace are those of the keyspace that is made", async () => {
    const statements: string[] = [];
    vi.spyOn(Client.prototype, "connect").mockResolvedValue();
    vi.spyOn(Client.prototype, "shutdown").mockResolvedValue();
    vi.spyOn(Client.prototype, "execute").mockImplementation(async (statement: string) => {
      statements.push(statement);
      throw new Error("read only");
    });
    const pipeline = pipelineOf({ replication: { dc1: 2, dc2: 5 }, table: { ...base.table, keyspace: "weather" } });
    await expect(applySchema(pipeline, connection, new AbortController().signal)).rejects.toThrow("read only");
    expect(statements).toEqual([
      "CREATE KEYSPACE IF NOT EXISTS \"weather\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 2, 'dc2': 5}",
    ]);
  });
});
