import { describe, expect, test } from "vitest";
import {
  type Outcome,
  type Sink,
  type SinkMessage,
  StowageError,
  type TableDefinition,
} from "../../runtime/contract/index.js";
import { applySchema, createSink } from "../../runtime/sinks/cassandra/index.js";
import { sinkContext } from "../support/sinkContext.js";
import { connectionOf, message, pipelineOf, reading, readings, startedSink } from "./cassandraHarness.js";
import { oneNode } from "./cassandraOneNode.js";

const EPOCH_MS = Date.UTC(2026, 0, 31);
const context = sinkContext();
const replication = { dc1: 1 };
const never = new AbortController().signal;

const kit = oneNode("one", { max_mutation_size: "512KiB" });

function sinkOn(table: TableDefinition): Promise<Sink> {
  return startedSink(kit.ring, table, { replication });
}

/** Every row with its cells and the timestamp of each write, sorted: what must not depend on the order of delivery. */
async function rowsOf(name: string): Promise<string[]> {
  const result = await kit.client.execute(
    `SELECT device, day, seq, celsius, note, origin, writetime(celsius) AS written FROM telemetry.${name}`,
    [],
    { fetchSize: 5000 },
  );
  return result.rows
    .map((row) =>
      Object.values({ ...row })
        .map(String)
        .join(" "),
    )
    .sort();
}

async function inBatches(sink: Sink, messages: SinkMessage[], size: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < messages.length; i += size)
    outcomes.push(...(await sink.process(messages.slice(i, i + size), context)));
  return outcomes;
}

function readable(value: unknown): string | null {
  if (value === null) return null;
  if (Buffer.isBuffer(value)) return value.toString("hex");
  return value instanceof Date ? value.toISOString() : String(value);
}

function shuffled<T>(list: T[]): T[] {
  return list
    .map((value, i) => ({ value, rank: Math.sin(i * 12.9898) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}

describe("schema", () => {
  test("is the same after a second run, and says what the definition says", async () => {
    const pipeline = pipelineOf(readings("twice"), replication);
    await applySchema(pipeline, connectionOf(kit.ring), never);
    const definition = async () =>
      (await kit.client.execute("DESCRIBE TABLE telemetry.twice")).rows.map((row) => String(row["create_statement"]));
    const first = await definition();
    await applySchema(pipeline, connectionOf(kit.ring), never);
    expect(await definition()).toEqual(first);
    expect(first.join()).toContain("PRIMARY KEY ((device, day), seq)");
    expect(first.join()).toContain("CLUSTERING ORDER BY (seq DESC)");
  });

  test("gains a column that the definition gained", async () => {
    const table = readings("grown");
    await (await sinkOn(table)).stop();
    const grown = readings("grown", { columns: { ...table.columns, battery: { type: "tinyint", body: "battery" } } });
    const [pipeline, connection] = [pipelineOf(grown, replication), connectionOf(kit.ring)];
    const early = createSink({ pipeline, connection, worker: "w" }).start(never);
    await expect(early).rejects.toThrow(
      /Table telemetry.grown cannot be written to .*battery.*Run the pipeline's schema job/,
    );
    await (await sinkOn(grown)).stop();
  });

  test("refuses another key, another type and another replication, and changes nothing", async () => {
    const table = readings("kept");
    await applySchema(pipelineOf(table, replication), connectionOf(kit.ring), never);
    const apply = (other: TableDefinition, replicas = replication) =>
      applySchema(pipelineOf(other, replicas), connectionOf(kit.ring), never);
    await expect(apply({ ...table, clusteringKey: [] })).rejects.toThrow(
      /change the primary key of kept from .*seq bigint desc/s,
    );
    const columns = { ...table.columns, celsius: { type: "float", body: "reading.celsius" } } as const;
    await expect(apply({ ...table, columns })).rejects.toThrow(/celsius.*float/s);
    await expect(apply(table, { dc1: 2 })).rejects.toThrow(/^Keyspace telemetry .*replicat/s);
  });

  test("is asked for by name where the tables are missing", async () => {
    const [pipeline, connection] = [pipelineOf(readings("absent"), replication), connectionOf(kit.ring)];
    const start = createSink({ pipeline, connection, worker: "w" }).start(never);
    await expect(start).rejects.toThrow(
      /Table telemetry.absent cannot be written to .*create table absent.*Run the pipeline's schema job/,
    );
    await expect(start).rejects.toBeInstanceOf(StowageError);
  });
});

test("the ring says its version and how many of its nodes are up", async () => {
  const sink = await sinkOn(readings("version"));
  expect((await sink.info?.())?.version).toMatch(/^Cassandra \d+\.\d+\.\d+\S* in dc1, 1 of 1 nodes up$/);
  await sink.stop();
  await expect(sink.info?.()).rejects.toThrow("not started");
});

describe("rows", () => {
  test("are the same in order, shuffled and repeated", async () => {
    const messages = Array.from({ length: 500 }, (_, n) => reading(n, EPOCH_MS));
    const ordered = await sinkOn(readings("in_order"));
    const mixed = await sinkOn(readings("mixed"));
    const first = await inBatches(ordered, messages, 100);
    expect(first.every((outcome) => outcome.kind === "done" && !outcome.duplicate)).toBe(true);
    await inBatches(mixed, shuffled(messages), 70);
    const repeated = await inBatches(mixed, shuffled(messages).reverse(), 130);
    expect(repeated.every((outcome) => outcome.kind === "done")).toBe(true);
    const rows = await rowsOf("in_order");
    expect(rows).toHaveLength(400);
    expect(await rowsOf("mixed")).toEqual(rows);
    await ordered.stop();
    await mixed.stop();
  });

  test("hold every type as it was sent, and nothing where nothing was sent", async () => {
    const table: TableDefinition = {
      keyspace: "telemetry",
      name: "types",
      columns: {
        id: { type: "uuid", body: "id" },
        order: { type: "bigint", body: "order" },
        a: { type: "ascii", body: "a" },
        b: { type: "blob", body: "b" },
        bo: { type: "boolean", body: "bo" },
        d: { type: "date", body: "d" },
        de: { type: "decimal", body: "de" },
        f: { type: "float", body: "f" },
        i: { type: "inet", body: "i" },
        s: { type: "smallint", body: "s" },
        t: { type: "time", body: "t" },
        ts: { type: "timestamp", body: "ts" },
        tu: { type: "timeuuid", body: "tu" },
        ty: { type: "tinyint", body: "ty" },
        v: { type: "varint", body: "v" },
        none: { type: "text", body: "none" },
      },
      partitionKey: ["id"],
      clusteringKey: [{ column: "order" }],
      from: { time: { body: "at" } },
    };
    const sink = await sinkOn(table);
    const body =
      '{"id":"5B6962DD-3F90-4C93-8F61-EABFA4A803E2","order":-9223372036854775808,"a":"~","b":"AP8=","bo":false,' +
      '"d":"1969-12-31","de":-0.10,"f":1.5,"i":"::1","s":-32768,"t":"23:59:59.999999999","ts":"1969-12-31T23:59:59.999Z",' +
      '"tu":"50554d6e-29bb-11e5-b345-feff819cdc9f","ty":-128,"v":123456789012345678901234567890,"none":null,' +
      '"at":"1960-01-01T00:00:00.000001Z"}';
    const object = 'telemetry.types ["5b6962dd-3f90-4c93-8f61-eabfa4a803e2","-9223372036854775808"]';
    expect(await sink.process([message("t1", body)], context)).toEqual([{ kind: "done", duplicate: false, object }]);
    const names = Object.keys(table.columns)
      .map((name) => `"${name}"`)
      .join(", ");
    const stored = await kit.client.execute(`SELECT ${names}, writetime(a) AS written FROM telemetry.types`);
    expect(
      Object.fromEntries(Object.entries<unknown>({ ...stored.first() }).map(([k, v]) => [k, readable(v)])),
    ).toEqual({
      id: "5b6962dd-3f90-4c93-8f61-eabfa4a803e2",
      order: "-9223372036854775808",
      a: "~",
      b: "00ff",
      bo: "false",
      d: "1969-12-31",
      de: "-0.10",
      f: "1.5",
      i: "::1",
      s: "-32768",
      t: "23:59:59.999999999",
      ts: "1969-12-31T23:59:59.999Z",
      tu: "50554d6e-29bb-11e5-b345-feff819cdc9f",
      ty: "-128",
      v: "123456789012345678901234567890",
      none: null,
      written: String(Date.UTC(1960, 0, 1) * 1000 + 1),
    });
    await sink.stop();
  });
});

describe("a batch", () => {
  test("stores its good rows and names what is wrong with each bad one", async () => {
    const sink = await sinkOn(readings("sorted_out"));
    const good = { device: "d", day: "2026-01-31", seq: 1, time: "2026-01-31T00:00:00Z", reading: { celsius: 1 } };
    const outcomes = await sink.process(
      [
        message("a", { ...good, seq: 1 }),
        message("b", "{"),
        message("c", { ...good, seq: 2 }, { partitionKey: "d|2026-02-01" }),
        message("d", { ...good, seq: "many" }),
        message("e", { ...good, day: undefined }),
        message("f", { ...good, seq: 3, note: "x".repeat(600_000) }),
        message("g", { ...good, seq: 4 }, { partitionKey: "d|2026-01-31" }),
      ],
      context,
    );
    expect(outcomes.map((o) => (o.kind === "poison" ? o.reason : o.kind))).toEqual([
      "done",
      "InvalidBody",
      "PartitionKeyMismatch",
      "InvalidValue",
      "MissingValue",
      "InvalidValue",
      "done",
    ]);
    expect(JSON.stringify(outcomes)).not.toContain("many");
    expect(await rowsOf("sorted_out")).toHaveLength(2);
    await sink.stop();
  });

  test("with a row above the server's largest frame loses that row alone, and no connection for good", async () => {
    const sink = await sinkOn(readings("oversize"));
    const good = { device: "d", day: "2026-01-31", time: "2026-01-31T00:00:00Z", reading: { celsius: 1 } };
    const outcomes = await sink.process(
      [
        message("a", { ...good, seq: 1 }),
        message("b", { ...good, seq: 2, note: "x".repeat(20 * 1024 * 1024) }),
        message("c", { ...good, device: "e", seq: 3 }),
      ],
      context,
    );
    expect(outcomes).toMatchObject([
      { kind: "done" },
      {
        kind: "poison",
        reason: "InvalidValue",
        description: expect.stringContaining("column note (text), 20971520 bytes"),
      },
      { kind: "done" },
    ]);
    expect(await sink.process([message("d", { ...good, seq: 4 })], context)).toMatchObject([{ kind: "done" }]);
    await sink.stop();
  });

  test("is to be tried again, not poison, when the table has gone", async () => {
    const sink = await sinkOn(readings("dropped"));
    await sink.process([reading(0, EPOCH_MS)], context);
    await kit.client.execute("DROP TABLE telemetry.dropped");
    const [outcome] = await sink.process([reading(1, EPOCH_MS)], context);
    expect(outcome).toMatchObject({ kind: "retry", code: "StoreUnavailable" });
    await sink.stop();
  });

  test("that is told to stop is given back", async () => {
    const sink = await sinkOn(readings("stopped"));
    const outcomes = await sink.process([reading(0, EPOCH_MS)], sinkContext(AbortSignal.abort()));
    expect(outcomes).toMatchObject([{ kind: "retry", code: "Interrupted" }]);
    expect(await rowsOf("stopped")).toEqual([]);
    await sink.stop();
  });
});

test("a row lives from its event on, a redelivery does not prolong it, and what is over is not written", async () => {
  const table = readings("expiring", { timeToLive: "1000s" });
  const [pipeline, connection] = [pipelineOf(table, replication), connectionOf(kit.ring)];
  await applySchema(pipeline, connection, never);
  let now = EPOCH_MS + 100_500;
  const sink = createSink({ pipeline, connection, worker: "w", now: () => now });
  await sink.start(never);
  const timeLeft = async () =>
    Number((await kit.client.execute("SELECT ttl(celsius) AS left FROM telemetry.expiring")).first()?.["left"]);
  for (const [at, left] of [
    [EPOCH_MS + 100_500, 900],
    [EPOCH_MS + 600_000, 400],
  ] as const) {
    now = at;
    expect(await sink.process([reading(0, EPOCH_MS)], context)).toMatchObject([{ kind: "done", duplicate: false }]);
    expect(await timeLeft()).toBeLessThanOrEqual(left);
    expect(await timeLeft()).toBeGreaterThan(left - 60);
    await kit.client.execute("TRUNCATE telemetry.expiring");
  }
  now = EPOCH_MS + 1_000_000;
  expect(await sink.process([reading(0, EPOCH_MS)], context)).toMatchObject([{ kind: "done", duplicate: true }]);
  expect(await rowsOf("expiring")).toEqual([]);
  await sink.stop();
});

test("a probe passes while the ring answers, and a stopped sink refuses work by name", async () => {
  const sink = await sinkOn(readings("probed"));
  await sink.probe();
  await sink.stop();
  await expect(sink.probe()).rejects.toThrow(/not started, or has been stopped/);
});

test("a ring that does not answer, or has no such datacenter, is an error that says where it was looked for", async () => {
  const pipeline = pipelineOf(readings("unreached"), replication);
  const { cassandra, ...rest } = connectionOf(kit.ring);
  if (cassandra === undefined) throw new Error("the connection has no ring");
  for (const change of [{ port: 1 }, { localDatacenter: "elsewhere" }]) {
    const sink = createSink({ pipeline, connection: { ...rest, cassandra: { ...cassandra, ...change } }, worker: "w" });
    const started = sink.start(never);
    await expect(started).rejects.toThrow(/No Cassandra node of datacenter \w+ answers at 127\.0\.\d+\.1, port \d+: /);
    // Not for good: a worker tries again.
    await expect(started).rejects.toMatchObject({ reason: "unreachable" });
  }
});
