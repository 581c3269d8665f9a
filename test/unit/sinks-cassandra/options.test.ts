import { Client, type ClientOptions, errors, types } from "cassandra-driver";
import { afterEach, describe, expect, test, vi } from "vitest";
import { BatchBy, type CassandraSink, CONTRACT_VERSION, Consistency } from "../../../runtime/contract/index.js";
import { type ClientTuning, connect } from "../../../runtime/sinks/cassandra/client.js";
import { claimMessage, insertRow } from "../../../runtime/sinks/cassandra/cql.js";
import { applySchema, createSink } from "../../../runtime/sinks/cassandra/index.js";
import type { Row } from "../../../runtime/sinks/cassandra/mapping.js";
import { sinkContext } from "../../support/sinkContext.js";
import { FakeClock, settled } from "../bus/fakes.js";
import { pipelineTo, sinks } from "../support/pipelines.js";
import { clientThat, row, type Sent, writerOn } from "./writerKit.js";

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

/** Begins to write rows with a client that is never connected, and gives the requests that wait for their answers. */
function writing(change: Partial<CassandraSink>, rows: Row[], client?: Client, clock = new FakeClock()) {
  const waiting: (Sent & { answer(): void })[] = [];
  const made = clientThat((sent) => new Promise<void>((answer) => void waiting.push({ ...sent, answer })));
  const known = client === undefined ? made.client : Object.assign(made.client, { getReplicas: client.getReplicas });
  const writer = writerOn(known, { sink: { ...base, flushMilliseconds: 0, ...change }, clock });
  return { waiting, clock, writer, written: writer.write(rows, sinkContext()) };
}

/** Rows of 1,000 bytes: so many in one partition, or each in its own. */
const rowsOf = (count: number, together: boolean): Row[] =>
  Array.from({ length: count }, (_, i) => row(`${i}`, together ? "p" : `p-${i}`, { bytes: 1_000 }));

describe("an option of the Cassandra sink", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** By the native protocol's own numbers. */
  const inTheProtocol: Record<Consistency, number> = {
    [Consistency.Quorum]: 0x04,
    [Consistency.All]: 0x05,
    [Consistency.LocalQuorum]: 0x06,
    [Consistency.EachQuorum]: 0x07,
    [Consistency.LocalOne]: 0x0a,
  };

  test.each(Object.values(Consistency))("consistency %s is what each write asks for, alone or in a batch", (level) => {
    const { waiting } = writing({ consistency: level }, [...rowsOf(2, true), ...rowsOf(1, false)]);
    const asked = inTheProtocol[level];
    expect(waiting.map(({ options }) => options.consistency)).toEqual([asked, asked]);
  });

  test.each(Object.values(Consistency))(
    "consistency %s is what a probe asks for: writes need as many",
    async (level) => {
      const { client, sent } = clientThat(() => undefined);
      await writerOn(client, { sink: { consistency: level } }).probe();
      expect(sent.map(({ options }) => options.consistency)).toEqual([inTheProtocol[level]]);
    },
  );

  test("nothing makes a write other than prepared, idempotent and, as a batch, unlogged", () => {
    const { waiting } = writing({}, [...rowsOf(2, true), ...rowsOf(1, false)]);
    const always = { prepare: true, isIdempotent: true, logged: false };
    expect(waiting.map(({ options }) => options)).toEqual([
      expect.objectContaining(always),
      expect.objectContaining(always),
    ]);
  });

  test("batchMaxRows is how many rows go into one request", () => {
    const { waiting } = writing({ batchMaxRows: 7 }, rowsOf(20, true));
    expect(waiting.map(({ ids }) => ids.length)).toEqual([7, 7, 6]);
  });

  test("batchMaxBytes is how many bytes go into one request", () => {
    const { waiting } = writing({ batchMaxBytes: 5_500 }, rowsOf(12, true));
    expect(waiting.map(({ ids }) => ids.length)).toEqual([5, 5, 2]);
  });

  test("maxInFlight is how many requests may be under way at once, and a quarter of them are at first", async () => {
    const { waiting, writer, clock, written } = writing({ maxInFlight: 12 }, rowsOf(600, false));
    expect(waiting).toHaveLength(3);
    let most = 0;
    for (let answered = 0; answered < 600; ) {
      const under = waiting.slice(answered);
      most = Math.max(most, under.length);
      clock.freeze(20);
      for (const { answer } of under) answer();
      answered += under.length;
      await settled();
    }
    expect((await written).every(({ kind }) => kind === "written")).toBe(true);
    expect(most).toBe(12);
    expect(writer.limit).toBe(12);
  });

  test("flushMilliseconds is how long a row waits for others of its partition", async () => {
    const { waiting, clock } = writing({ flushMilliseconds: 35 }, rowsOf(2, true));
    await clock.advance(34);
    expect(waiting).toHaveLength(0);
    await clock.advance(1);
    expect(waiting.map(({ ids }) => ids)).toEqual([["0", "1"]]);
  });

  test("batchBy says whether partitions of the same replicas share a batch", () => {
    const client = new Client({ contactPoints: ["127.0.0.1"], localDataCenter: "dc1" });
    const host = (address: string) => ({ address, datacenter: "dc1" });
    const getReplicas = (_keyspace: string, key: Buffer) => [host(Number(String(key)) % 2 === 0 ? "even" : "odd")];
    const known = Object.assign(client, { getReplicas });
    const batches = (batchBy: BatchBy) =>
      writing({ batchBy, table: { ...base.table, partitionKey: ["device"] } }, devices, known).waiting.map(
        ({ ids }) => ids,
      );
    const place = Object.keys(base.table.columns).indexOf("device");
    const devices = Array.from({ length: 4 }, (_, n) => {
      const cells = Object.keys(base.table.columns).map((_, i) =>
        i === place || i === 0 ? Buffer.from(`${n}`) : undefined,
      );
      return row(`${n}`, `p-${n}`, { cells });
    });
    expect(batches(BatchBy.ReplicaSet)).toEqual([
      ["0", "2"],
      ["1", "3"],
    ]);
    expect(batches(BatchBy.Partition)).toEqual([["0"], ["1"], ["2"], ["3"]]);
  });

  test("speculativeMilliseconds is the time after which a write, and no claim, is sent to a second node", async () => {
    vi.spyOn(Client.prototype, "connect").mockResolvedValue();
    const plan = async (query: string | object[], tuning: ClientTuning) => {
      const client = await connect(connection.cassandra, tuning);
      const { policies }: ClientOptions = Reflect.get(client, "options");
      const { nextExecution } = policies?.speculativeExecution?.newPlan("", query) ?? {};
      return [nextExecution?.(), nextExecution?.()];
    };
    expect(await plan(insertRow(base.table), { speculativeMilliseconds: 70 })).toEqual([70, -1]);
    expect(await plan([{ query: insertRow(base.table) }], { speculativeMilliseconds: 70 })).toEqual([70, -1]);
    expect(await plan(claimMessage(base.table), { speculativeMilliseconds: 70 })).toEqual([-1, -1]);
    expect(await plan(insertRow(base.table), {})).toEqual([-1, -1]);
  });

  test("delivery.concurrency bounds the messages that the sink takes at once", () => {
    const batching = (concurrency?: number) =>
      createSink({ pipeline: pipelineOf({}, concurrency), connection, worker: "w" }).batching;
    expect(batching()).toEqual({ maxMessages: 100, maxWaitMilliseconds: 0 });
    expect(batching(10)).toEqual({ maxMessages: 10, maxWaitMilliseconds: 0 });
  });

  test("replication and table.keyspace are those of the keyspace that is made", async () => {
    vi.spyOn(Client.prototype, "connect").mockResolvedValue();
    vi.spyOn(Client.prototype, "shutdown").mockResolvedValue();
    vi.spyOn(Client.prototype, "execute").mockImplementation(async (statement: string) => {
      if (statement.startsWith("LIST")) throw new errors.ResponseError(types.responseErrorCodes.unauthorized, "x");
      const nothing: { rows: types.Row[] } = { rows: [] };
      return Object.assign(Object.create(null), nothing);
    });
    const pipeline = pipelineOf({ replication: { dc1: 2, dc2: 5 }, table: { ...base.table, keyspace: "weather" } });
    await expect(applySchema(pipeline, connection, new AbortController().signal)).rejects.toThrow(
      /^Keyspace weather .*replicate weather 2 times in dc1: the ring has no.*replicate weather 5 times in dc2/s,
    );
  });
});
