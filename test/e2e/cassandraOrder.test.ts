import { type Client, types } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BatchBy, type CassandraSink, type SinkMessage, type TableDefinition } from "../../runtime/contract/index.js";
import { connect } from "../../runtime/sinks/cassandra/client.js";
import { TimeRules } from "../../runtime/sinks/cassandra/eventTime.js";
import { applySchema, createSink } from "../../runtime/sinks/cassandra/index.js";
import { RowMapper } from "../../runtime/sinks/cassandra/mapping.js";
import { RowWriter } from "../../runtime/sinks/cassandra/writer.js";
import { sinkContext } from "../support/sinkContext.js";
import { Seeded } from "../unit/broker-fuzz/seeded.js";
import { delivered, drawEvents, eventTable, inCalls } from "../unit/sinks-cassandra/eventSets.js";
import { connectionOf, message, pipelineOf, startTestRing, type TestRing } from "./cassandraHarness.js";

/** The same in every run, unless STOWAGE_SEED names another. */
const SEED = Number(process.env["STOWAGE_SEED"] ?? 20_260_401);
/** Sets of messages for each kind of table; each is written in two orders. */
const SETS = process.env["STOWAGE_LONG"] === "1" ? 300 : 20;
const context = sinkContext();
const never = new AbortController().signal;

let kit: TestRing;

beforeAll(async () => {
  kit = await startTestRing({ name: "order", datacenter: "dc1", size: 2, racks: ["r1", "r2"], numTokens: 4 });
}, 180_000);

afterAll(async () => {
  await kit.end();
}, 30_000);

/** A sink on the table, made where it is missing. */
async function started(table: TableDefinition, replicas: number, changes: Partial<CassandraSink>) {
  const [pipeline, connection] = [pipelineOf(table, { dc1: replicas }, changes), connectionOf(kit.ring)];
  await applySchema(pipeline, connection, never);
  const sink = createSink({ pipeline, connection, worker: "w" });
  await sink.start(never);
  return sink;
}

/** Every row of a table with value and timestamp of each cell, by run, as all replicas agree on it. */
async function runsOf(table: TableDefinition): Promise<Map<string, string[]>> {
  const cells = ["a", "b"].map((name) => `${name}, writetime(${name}) AS ${name}_at`).join(", ");
  const result = await kit.client.execute(`SELECT run, device, slot, event, ${cells} FROM events.${table.name}`, [], {
    consistency: types.consistencies.all,
    fetchSize: 5_000,
  });
  const runs = new Map<string, string[]>();
  for await (const row of result) {
    const [run, ...rest] = Object.values<unknown>({ ...row }).map((value) => JSON.stringify(String(value)));
    const name = JSON.parse(run ?? '""');
    runs.set(name, [...(runs.get(name) ?? []), rest.join(" ")]);
  }
  for (const rows of runs.values()) rows.sort();
  return runs;
}

describe("the table, read at ALL", () => {
  test.each([
    { name: "own", ownRows: true, batchBy: BatchBy.Partition },
    { name: "cells", ownRows: false, batchBy: BatchBy.ReplicaSet },
    { name: "ends", ownRows: false, batchBy: BatchBy.Partition, timeToLive: "60s" as const },
  ])(
    "of $name rows is the same after any order, any repetition and any cut of the same messages",
    async (kind) => {
      const table = eventTable(kind);
      const random = new Seeded(SEED);
      const sink = await started(table, 2, {
        batchBy: kind.batchBy,
        batchMaxRows: 1 + random.below(10),
        batchMaxBytes: 1_024 + random.below(4_096),
        flushMilliseconds: 1,
      });
      const now = Date.now();
      // Of those that end: some before they come, some while they come or soon after, and some later than the test does.
      const lives =
        kind.timeToLive === undefined ? [-30_000, -1_000, -999, 0] : [-70_000, -58_000, -57_999, -56_000, 0];
      const write = async (calls: SinkMessage[][]) => {
        for (const call of calls) {
          const outcomes = await sink.process(call, context);
          expect(outcomes.filter(({ kind: what }) => what !== "done")).toEqual([]);
        }
      };
      const runs = Array.from({ length: SETS }, async (_, set) => {
        const events = drawEvents({ seed: SEED + set, count: 30, times: lives.map((life) => now + life) });
        for (const run of [`${set} first`, `${set} second`])
          await write(inCalls(delivered(events, run, random), random));
      });
      await Promise.all(runs);
      if (kind.timeToLive !== undefined) await until(now + 6_000);
      const found = await runsOf(table);
      for (let set = 0; set < SETS; set++)
        expect(found.get(`${set} second`) ?? [], `seed ${SEED + set}`).toEqual(found.get(`${set} first`) ?? []);
      // Enough is left to differ in, and some of it is gone.
      const rows = [...found.values()].flat().length;
      expect(rows).toBeGreaterThan(SETS * 2);
      expect(rows).toBeLessThan(SETS * 2 * (kind.ownRows ? 28 : 6));
      await sink.stop();
    },
    60_000,
  );
});

/** Waits for a second to be over by the clock of this machine, which is the nodes' as well. */
async function until(time: number): Promise<void> {
  while (Date.now() < time) await new Promise((resolve) => setTimeout(resolve, Math.max(1, time - Date.now())));
}

/** A request as the driver made it: where it went, and which partitions it was about. */
interface Request {
  coordinator: string;
  params: unknown[][];
  warnings: string[];
}

/** A client that notes its requests. */
function noting(client: Client, requests: Request[]): Client {
  const note = (result: types.ResultSet, params: unknown[][]) => {
    requests.push({ coordinator: result.info.queriedHost, params, warnings: result.info.warnings ?? [] });
    return result;
  };
  return Object.assign(Object.create(client), {
    execute: async (query: string, params: unknown[], options: object) =>
      note(await client.execute(query, params, options), [params]),
    batch: async (queries: { query: string; params: unknown[] }[], options: object) =>
      note(
        await client.batch(queries, options),
        queries.map(({ params }) => params),
      ),
  });
}

describe.each(Object.values(BatchBy))("a batch by %s", (batchBy) => {
  test("goes to a node that holds every one of its rows, and the server takes it as it is", async () => {
    const table: TableDefinition = {
      ...eventTable({ name: `routed_${batchBy.toLowerCase()}`, ownRows: true }),
      keyspace: "routed",
    };
    await (await started(table, 1, {})).stop();
    const { cassandra } = connectionOf(kit.ring);
    if (cassandra === undefined) throw new Error("the connection has no ring");
    const client = await connect(cassandra);
    try {
      const requests: Request[] = [];
      const noted = noting(client, requests);
      const { sink } = pipelineOf(table, { dc1: 1 }, { batchBy, batchMaxRows: 100, flushMilliseconds: 5 });
      if (sink.cassandra === undefined) throw new Error("the pipeline has no ring");
      const writer = new RowWriter({
        clients: { current: () => client, use: (request) => request(noted) },
        sink: sink.cassandra,
        rules: new TimeRules(table),
        localDatacenter: cassandra.localDatacenter,
        intact: async () => true,
        capacity: 2_000,
        now: Date.now,
      });
      const mapper = new RowMapper(table);
      const at = new Date().toISOString();
      const rows = Array.from({ length: 2_000 }, (_, n) =>
        mapper.row(
          message(
            `m-${n}`,
            // Rows of 1 KB: forty of them are the most that one batch of several partitions may hold.
            { device: `d${n % 400}`, slot: "s", event: `e${n}`, at, a: "x".repeat(700), b: "y".repeat(300) },
            { properties: { run: `r${n % 4}` } },
          ),
        ),
      );
      expect(new Set((await writer.write(rows, context)).map(({ kind }) => kind))).toEqual(new Set(["written"]));
      writer.stop();
      const count = await kit.client.execute(`SELECT count(*) AS rows FROM routed.${table.name}`);
      expect(Number(count.first()?.["rows"])).toBe(2_000);
      let partitions = 0;
      for (const { coordinator, params } of requests) {
        const keys = new Set(params.map(([run, device]) => `${run}|${device}`));
        partitions += keys.size;
        expect(keys.size).toBeLessThanOrEqual(batchBy === BatchBy.Partition ? 1 : 10);
        for (const [run, device] of params) {
          const replicas = client.getReplicas("routed", routingKeyOf(run, device)).map(({ address }) => address);
          expect(replicas).toEqual([coordinator]);
        }
      }
      expect(partitions / requests.length).toBeGreaterThan(batchBy === BatchBy.Partition ? 0.99 : 4);
      // The server counts more than the values, and refuses such batches above 51,200 bytes.
      const sizes = requests.flatMap(({ warnings }) => warnings).map((text) => Number(/of size (\d+)/.exec(text)?.[1]));
      if (batchBy === BatchBy.Partition) expect(sizes).toEqual([]);
      else {
        expect(Math.max(...sizes)).toBeLessThanOrEqual(40_960);
        expect(Math.max(...sizes)).toBeGreaterThan(25_000);
      }
    } finally {
      await client.shutdown();
    }
  }, 60_000);
});

/** As Cassandra puts the values of a partition key together, written down once more for the comparison. */
function routingKeyOf(...values: unknown[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
      return [Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes, Buffer.from([0])];
    }),
  );
}
