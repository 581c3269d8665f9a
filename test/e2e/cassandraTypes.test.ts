import { types } from "cassandra-driver";
import { isLosslessNumber, parse } from "lossless-json";
import { describe, expect, test } from "vitest";
import {
  type CqlType,
  parseCqlType,
  type Sink,
  type SinkMessage,
  type TableDefinition,
  tableProblems,
  typeText,
} from "../../runtime/contract/index.js";
import { applySchema, createSink, RowLookup } from "../../runtime/sinks/cassandra/index.js";
import { sinkContext } from "../support/sinkContext.js";
import { connectionOf, message, pipelineOf } from "./cassandraHarness.js";
import { oneNode } from "./cassandraOneNode.js";

const context = sinkContext();
const replication = { dc1: 1 };
const never = new AbortController().signal;
const AT = Date.UTC(2026, 0, 31);

const kit = oneNode("types");

const DEFINED = {
  position: { lat: "double", lon: "double", tags: "frozen<set<text>>" },
  trip: { legs: "frozen<list<frozen<position>>>", took: "duration" },
} as const satisfies TableDefinition["types"];

/** A table with a column of each type, keyed by the message's id. */
function tableOf(
  name: string,
  columns: { [column: string]: CqlType },
  more: Partial<TableDefinition> = {},
): TableDefinition {
  const table: TableDefinition = {
    keyspace: "types",
    name,
    types: DEFINED,
    columns: {
      id: { type: "text", message: "messageId" },
      ...Object.fromEntries(Object.entries(columns).map(([column, type]) => [column, { type, body: column }])),
    },
    partitionKey: ["id"],
    clusteringKey: [],
    from: { time: { body: "at" } },
    ...more,
  };
  expect(tableProblems(table, "table")).toEqual([]);
  return table;
}

async function sinkOn(table: TableDefinition): Promise<Sink> {
  const [pipeline, connection] = [pipelineOf(table, replication), connectionOf(kit.ring)];
  await applySchema(pipeline, connection, never);
  const sink = createSink({ pipeline, connection, worker: "worker-1", now: () => AT + 1000 });
  await sink.start(never);
  return sink;
}

async function write(sink: Sink, messages: SinkMessage[]): Promise<void> {
  expect((await sink.process(messages, context)).map((outcome) => outcome)).toEqual(
    messages.map(() => expect.objectContaining({ kind: "done" })),
  );
}

/** A row as Cassandra itself writes it in JSON: no decoder of ours or of the driver's has a part in it. */
async function jsonOf(name: string, id: string): Promise<object> {
  const result = await kit.client.execute(`SELECT JSON * FROM types.${name} WHERE id = ?`, [id], { prepare: true });
  const row = parse(String(result.first()?.["[json]"] ?? "{}"));
  return typeof row === "object" && row !== null ? row : {};
}

/** What was read, its numbers as the expected value has them: as numbers, or as text with all of their digits. */
function like(read: unknown, expected: unknown): unknown {
  if (isLosslessNumber(read)) return typeof expected === "number" ? Number(read.value) : read.value;
  if (typeof read !== "object" || read === null || typeof expected !== "object" || expected === null) return read;
  const of = (value: unknown, key: string) => like(value, Reflect.get(expected, key));
  if (Array.isArray(read)) return read.map((value: unknown, i) => of(value, String(i)));
  return Object.fromEntries(Object.entries(read).map(([key, value]) => [key, of(value, key)]));
}

/** Every type, values at its limits as a message has them, and how Cassandra writes each in JSON. */
// Of a set within another value Cassandra keeps the order in which it was sent.
const LIMITS: { [type: string]: [sent: unknown, read: unknown][] } = {
  ascii: [
    ["", ""],
    ["~\u0000", "~\u0000"],
  ],
  bigint: [
    ["-9223372036854775808", "-9223372036854775808"],
    ["9223372036854775807", "9223372036854775807"],
  ],
  blob: [
    ["", "0x"],
    ["AP8=", "0x00ff"],
  ],
  boolean: [
    [true, true],
    [false, false],
  ],
  date: [
    ["1969-12-31", "1969-12-31"],
    ["-5877641-06-23", "-5877641-06-23"],
    ["+5881580-07-11", "+5881580-07-11"],
  ],
  decimal: [
    ["0.00", "0.00"],
    [`-0.${"0".repeat(99)}1`, "-1E-100"],
    ["12345678901234567890.5", "12345678901234567890.5"],
  ],
  double: [
    [1.7976931348623157e308, 1.7976931348623157e308],
    [-5e-324, -5e-324],
  ],
  duration: [
    ["1y2mo3w4d5h6m7s8ms9us10ns", "1y2mo25d5h6m7s8ms9us10ns"],
    ["-P1DT0.000000001S", "-1d1ns"],
  ],
  float: [
    [3.4028234663852886e38, 3.4028235e38],
    [1e-45, 1.4e-45],
  ],
  inet: [
    ["255.255.255.255", "255.255.255.255"],
    ["::1", "0:0:0:0:0:0:0:1"],
  ],
  int: [
    [-(2 ** 31), -(2 ** 31)],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ],
  smallint: [
    [-32768, -32768],
    [32767, 32767],
  ],
  text: [
    ["", ""],
    ["\u0000😀", "\u0000😀"],
  ],
  time: [
    ["00:00:00", "00:00:00.000000000"],
    ["23:59:59.999999999", "23:59:59.999999999"],
  ],
  timestamp: [
    ["1969-12-31T23:59:59.999Z", "1969-12-31 23:59:59.999Z"],
    [-62135596800000, "0001-01-01 00:00:00.000Z"],
  ],
  timeuuid: [["FFFFFFFF-FFFF-1FFF-BFFF-FFFFFFFFFFFF", "ffffffff-ffff-1fff-bfff-ffffffffffff"]],
  tinyint: [
    [-128, -128],
    [127, 127],
  ],
  uuid: [["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"]],
  varint: [
    ["-1", "-1"],
    [`1${"0".repeat(300)}`, `1${"0".repeat(300)}`],
    ["128", "128"],
  ],
  "frozen<list<int>>": [
    [[], []],
    [
      [3, 1, 3],
      [3, 1, 3],
    ],
  ],
  "frozen<list<list<int>>>": [
    [
      [[], [1]],
      [[], [1]],
    ],
  ],
  "frozen<set<int>>": [
    [
      [3, -1, 3],
      [-1, 3],
    ],
    [[], []],
  ],
  "frozen<map<int, text>>": [
    [
      { "10": "a", "-9": "b" },
      { "10": "a", "-9": "b" },
    ],
    [{}, {}],
  ],
  "frozen<map<text, frozen<map<boolean, blob>>>>": [[{ __proto: { true: "AA==" } }, { __proto: { true: "0x00" } }]],
  "tuple<int, text, frozen<list<int>>>": [
    [
      [1, null, []],
      [1, null, []],
    ],
    [[1], [1, null, null]],
  ],
  "vector<float, 3>": [
    [
      [1, 2.5, -3],
      [1, 2.5, -3],
    ],
  ],
  "vector<smallint, 2>": [
    [
      [1, -2],
      [1, -2],
    ],
  ],
  "vector<date, 2>": [
    [
      ["1969-12-31", "2026-01-31"],
      ["1969-12-31", "2026-01-31"],
    ],
  ],
  "vector<time, 1>": [[["00:00:01"], ["00:00:01.000000000"]]],
  "vector<timestamp, 1>": [[["1970-01-01T00:00:00.001Z"], ["1970-01-01 00:00:00.001Z"]]],
  "vector<boolean, 2>": [
    [
      [true, false],
      [true, false],
    ],
  ],
  "vector<text, 2>": [
    [
      ["", "ab"],
      ["", "ab"],
    ],
  ],
  "vector<uuid, 1>": [[["5b6962dd-3f90-4c93-8f61-eabfa4a803e2"], ["5b6962dd-3f90-4c93-8f61-eabfa4a803e2"]]],
  "vector<vector<int, 2>, 2>": [
    [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ],
  "vector<frozen<list<int>>, 2>": [
    [
      [[], [7]],
      [[], [7]],
    ],
  ],
  "vector<tinyint, 2>": [
    [
      [1, -1],
      [1, -1],
    ],
  ],
  "frozen<position>": [
    [
      { lat: 1.5, tags: ["b", "a"] },
      { lat: 1.5, lon: null, tags: ["b", "a"] },
    ],
  ],
  "frozen<map<text, frozen<trip>>>": [
    [{ a: { legs: [{ lat: 1 }], took: "1h" } }, { a: { legs: [{ lat: 1, lon: null, tags: null }], took: "1h" } }],
  ],
};
const TYPES = Object.keys(LIMITS).map((type) => type as CqlType);
const columnOf = (i: number) => `c${i}`;

describe("a column of every type", () => {
  const columns = Object.fromEntries(TYPES.map((type, i) => [columnOf(i), type]));

  test("is made as it is defined, by the text that Cassandra itself writes", async () => {
    await applySchema(pipelineOf(tableOf("every", columns), replication), connectionOf(kit.ring), never);
    const found = await kit.client.execute(
      "SELECT column_name, type FROM system_schema.columns WHERE keyspace_name = 'types' AND table_name = 'every'",
    );
    const written = new Map(found.rows.map((row) => [String(row["column_name"]), String(row["type"])]));
    const ours = TYPES.map((type) => typeText(parseCqlType(type, DEFINED)));
    expect(TYPES.map((_, i) => written.get(columnOf(i)))).toEqual(ours);
  });

  test("holds its limits, as Cassandra itself writes them", async () => {
    const sink = await sinkOn(tableOf("every", columns));
    const most = Math.max(...Object.values(LIMITS).map((values) => values.length));
    for (let n = 0; n < most; n++) {
      const values = TYPES.map((type, i) => [columnOf(i), LIMITS[type]?.[n]] as const).filter(([, value]) => value);
      const body = Object.fromEntries(values.map(([column, value]) => [column, value?.[0]]));
      await write(sink, [message(`limits-${n}`, { ...body, at: AT })]);
      const row = await jsonOf("every", `limits-${n}`);
      const read = values.map(([column, value]) => [columns[column], like(Reflect.get(row, column), value?.[1])]);
      expect(read).toEqual(values.map(([column, value]) => [columns[column], value?.[1]]));
    }
    await sink.stop();
  });

  test("holds every digit of a number that no JavaScript number has", async () => {
    const sink = await sinkOn(tableOf("digits", { long: "bigint", exact: "decimal", whole: "varint" }));
    const digits =
      '{"long":9223372036854775807,"exact":0.1234567890123456789012345,"whole":123456789012345678901234567890';
    await write(sink, [message("one", `${digits},"at":${AT}}`)]);
    const result = await kit.client.execute("SELECT * FROM types.digits WHERE id = 'one'");
    const row = result.first();
    expect([row?.["long"], row?.["whole"], String(row?.["exact"])]).toEqual([
      9223372036854775807n,
      123456789012345678901234567890n,
      "0.1234567890123456789012345",
    ]);
    await sink.stop();
  });
});

describe("a value that is absent, null or empty", () => {
  const columns = { note: "text", tags: "frozen<list<text>>", place: "frozen<position>" } as const;

  test("writes nothing where it is absent or null: what is there stays, with its own time; an empty one is a value", async () => {
    const sink = await sinkOn(tableOf("absent", columns, { timeToLive: "1h" }));
    const send = (body: object, at: number) => write(sink, [message("one", { ...body, at })]);
    const times = async () => {
      const query = "SELECT writetime(note) AS note, writetime(tags) AS tags, ttl(place) AS place FROM types.absent";
      return (await kit.client.execute(query)).first();
    };
    await send({ note: "kept", tags: ["a"], place: { lat: 1 } }, AT - 2_000);
    const before = await times();
    await send({}, AT - 1_000);
    await send({ note: null, tags: null, place: null }, AT);
    expect(await jsonOf("absent", "one")).toMatchObject({ note: "kept", tags: ["a"] });
    const after = await times();
    expect([after?.["note"], after?.["tags"]]).toEqual([before?.["note"], before?.["tags"]]);
    // The row lives from its event on; the younger events, that say nothing of it, prolong no cell.
    expect(Number(after?.["place"])).toBeLessThanOrEqual(3_600 - 3);
    await send({ note: "", tags: [] }, AT + 1);
    expect(await jsonOf("absent", "one")).toMatchObject({ note: "", tags: [] });
    // A deletion of a cell would have no time of writing.
    expect((await times())?.["tags"]).toBeGreaterThan(BigInt(AT) * 1000n);
    await sink.stop();
  });
});

describe("a key of every type that a key may have", () => {
  const keys = TYPES.filter((type) => !/duration|set|map|trip|position/.test(type));

  test("finds its row again, by the text form that outcomes name it by", async () => {
    const columns = Object.fromEntries(keys.map((type, i) => [columnOf(i), type]));
    const table = tableOf("keyed", columns, {
      partitionKey: ["id", ...keys.slice(0, 4).map((_, i) => columnOf(i))],
      clusteringKey: keys.slice(4).map((_, i) => ({ column: columnOf(i + 4), descending: i % 2 === 0 })),
    });
    const sink = await sinkOn(table);
    const body = Object.fromEntries(keys.map((type, i) => [columnOf(i), LIMITS[type]?.at(-1)?.[0]]));
    const [outcome] = await sink.process([message("one", { ...body, at: AT })], context);
    if (outcome?.kind !== "done") throw new Error(JSON.stringify(outcome));
    const [, list = ""] = /^types\.keyed (.*)$/.exec(outcome.object ?? "") ?? [];
    const key: unknown = JSON.parse(list);
    const lookup = await RowLookup.open(pipelineOf(table, replication), connectionOf(kit.ring));
    expect(await lookup.row(Array.isArray(key) ? key.map(String) : [])).toBeDefined();
    await lookup.close();
    await sink.stop();
  });
});

test("the driver reads what was written", async () => {
  const sink = await sinkOn(
    tableOf("driven", { place: "frozen<position>", pair: "tuple<int, text>", v: "vector<float, 2>" }),
  );
  await write(sink, [message("one", { place: { lat: 1, tags: ["x"] }, pair: [1, "a"], v: [1, 2], at: AT })]);
  const row = (await kit.client.execute("SELECT * FROM types.driven", [], { prepare: true })).first();
  expect(row?.["place"]).toEqual({ lat: 1, lon: null, tags: ["x"] });
  expect(row?.["pair"]).toEqual(new types.Tuple(1, "a"));
  expect(String(row?.["v"])).toBe("[1,2]");
  await sink.stop();
});
