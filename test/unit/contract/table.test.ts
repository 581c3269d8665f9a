import { describe, expect, it } from "vitest";
import {
  type Column,
  type CqlType,
  formatProblem,
  maxAgeSeconds,
  parseCqlType,
  partitionEstimate,
  pipelineProblems,
  type TableDefinition,
  tableProblems,
  tableWarnings,
  typeText,
} from "../../../runtime/contract/index.js";
import { pipelineTo, sinks } from "../support/pipelines.js";

const position = { lat: "double", lon: "double" } as const;
const base: TableDefinition = {
  keyspace: "plant",
  name: "readings",
  columns: {
    device: { type: "text", body: "device" },
    time: { type: "timestamp", body: "time" },
    id: { type: "text", message: "messageId" },
    celsius: { type: "double", body: "reading.celsius" },
  },
  partitionKey: ["device"],
  clusteringKey: [{ column: "time", descending: true }, { column: "id" }],
  from: { time: { body: "time" } },
};
const shared: TableDefinition = {
  ...base,
  clusteringKey: [{ column: "celsius" }],
  from: { time: { body: "at" } },
  lastWriterPerCell: true,
};

const words = (table: TableDefinition) => tableProblems(table, "table").map(formatProblem).join("\n");
const withColumn = (column: Column, table = base): TableDefinition => ({
  ...table,
  types: { position },
  columns: { ...table.columns, extra: column },
});
const ofType = (type: string) => words(withColumn({ type: type as CqlType, body: "x" }));

describe("the type of a column", () => {
  it.each([
    ["frozen<list<text>>", "frozen<list<text>>"],
    ["frozen<list<list<text>>>", "frozen<list<frozen<list<text>>>>"],
    ["frozen< map < text , set<int> > >", "frozen<map<text, frozen<set<int>>>>"],
    ["tuple<int,list<text>,tuple<int>>", "frozen<tuple<int, frozen<list<text>>, frozen<tuple<int>>>>"],
    ["frozen<tuple<int>>", "frozen<tuple<int>>"],
    ["vector<float,8192>", "vector<float, 8192>"],
    ["vector<vector<int, 2>, 3>", "vector<vector<int, 2>, 3>"],
    ["frozen<position>", "frozen<position>"],
    ["frozen<list<position>>", "frozen<list<frozen<position>>>"],
    ["frozen<map<text, duration>>", "frozen<map<text, duration>>"],
  ])("%s is %s to Cassandra", (type, written) => {
    expect(ofType(type)).toBe("");
    expect(typeText(parseCqlType(type, { position }))).toBe(written);
  });

  it.each([
    ["counter", "would count twice (CASSANDRA-11368)", "Write a row for each event"],
    ["frozen<list<counter>>", "would count twice", "Write a row for each event"],
    ["list<text>", "is a list that is not frozen: a message that comes twice would append", "Write frozen<list<text>>"],
    ["set<text>", "is a set that is not frozen", "Write frozen<set<text>>"],
    ["map<text, int>", "is a map that is not frozen", "Write frozen<map<text, int>>"],
    ["position", "is a user-defined type that is not frozen", "Write frozen<position>"],
    ["varchar", "is text under its second name", "Write text"],
    ["frozen<text>", "which is one value anyway", "Write text"],
    ["frozen<vector<int, 2>>", "which is one value anyway", "Write vector<int, 2>"],
    ["frozen<place>", "is no CQL type and none of position", "define it in types"],
    ["string", "is no CQL type", "Use one of ascii, bigint"],
    ["frozen<set<duration>>", "has a duration in a set", "bigint of nanoseconds"],
    ["frozen<set<tuple<int, duration>>>", "has a duration in a set", "bigint of nanoseconds"],
    ["frozen<map<duration, int>>", "has a duration in a map's keys", "bigint of nanoseconds"],
    ["frozen<map<text>>", "gives map 1 types", "Write map<text, double>"],
    ["vector<float>", "needs a type and a dimension from 1 to 8192", "Write vector<float, 768>"],
    ["vector<float, 0>", "needs a type and a dimension", "Write vector<float, 768>"],
    ["vector<float, 8193>", "needs a type and a dimension", "Write vector<float, 768>"],
    ["frozen<list<text>", "has brackets that do not match", "Close each <"],
    ["frozen<list<text>>>", "has brackets that do not match", "Close each <"],
    [`${"frozen<list<".repeat(40)}int${">>".repeat(40)}`, "nests types more than 32 deep", "Make it flatter"],
    [`tuple<${"int, ".repeat(1000)}int>`, "made of more than 1000 types", "Make it smaller"],
  ])("%s is refused with the reason and the way out", (type, reason, fix) => {
    expect(ofType(type)).toContain("table.columns.extra.type");
    expect(ofType(type)).toContain(reason);
    expect(ofType(type)).toContain(fix);
  });

  it("that is defined is frozen within, knows its fields' types, and does not hold itself", () => {
    const types = (defined: TableDefinition["types"]) => words({ ...base, ...(defined && { types: defined }) });
    expect(types({ position, trip: { legs: "frozen<list<position>>" } })).toBe("");
    expect(types({ a: { b: "frozen<b>" }, b: { a: "frozen<a>" } })).toContain("holds itself: a holds b holds a");
    expect(types({ a: { b: "list<int>" as CqlType } })).toBe("");
    expect(types({ a: { b: "frozen<c>" } })).toContain("table.types.a: is no CQL type and none of a");
    expect(types({ a: {} })).toContain("table.types.a: has no fields");
    expect(types({ order: { a: "int" } })).toContain("is a word of CQL's own");
  });
});

describe("where values come from", () => {
  const cloud = (table: TableDefinition): TableDefinition => ({
    ...table,
    from: { ...table.from, format: "cloudevents" },
  });
  const schema = {
    type: "record",
    name: "R",
    fields: [
      { name: "time", type: "long" },
      { name: "device", type: "string" },
    ],
  };
  const avro = (from: Partial<TableDefinition["from"]>): TableDefinition => ({
    ...base,
    columns: { ...base.columns, celsius: { type: "double", property: "celsius" } },
    from: { ...base.from, format: "avro", ...from },
  });

  it.each<[what: string, table: TableDefinition, words: string]>([
    [
      "a column from two places",
      withColumn({ type: "int", body: "x", property: "y" }),
      "exactly one of body, property",
    ],
    [
      "an attribute of what is no CloudEvent",
      withColumn({ type: "text", attribute: "source" }),
      'goes with format "cloudevents"',
    ],
    ["a time from nowhere", { ...base, from: { time: {} } }, "table.from.time: must have exactly one of body"],
    ["a time from two places", { ...base, from: { time: { body: "a", property: "b" } } }, "must have exactly one of"],
    [
      "a schema for JSON",
      { ...base, from: { ...base.from, schema: JSON.stringify(schema) } },
      "goes with the Avro formats, not json",
    ],
    ["Avro without a schema", avro({}), "is missing; the format is avro"],
    ["a schema that is none", avro({ schema: "{" }), "table.from.schema: is no JSON"],
    ["a schema of no record", avro({ schema: "string" }), "is no JSON"],
    ["a schema of a list", avro({ schema: '{"type":"array","items":"int"}' }), "is a schema of array"],
    [
      "a schema with an unknown type",
      avro({ schema: JSON.stringify({ ...schema, fields: [{ name: "a", type: "nope" }] }) }),
      "fields.0.type: names nope",
    ],
    [
      "a path that the schema does not have",
      avro({ schema: JSON.stringify({ ...schema, fields: schema.fields.slice(0, 1) }) }),
      "device: is no path of the Avro schema".slice(8),
    ],
  ])("%s is refused", (_, table, text) => {
    expect(words(table)).toContain(text);
  });

  it("is taken where it fits the format", () => {
    expect(words(cloud(withColumn({ type: "text", attribute: "source" })))).toBe("");
    expect(words(avro({ schema: JSON.stringify(schema) }))).toBe("");
    expect(words(avro({ format: "avro-single-object", schema: JSON.stringify(schema) }))).toBe("");
  });
});

describe("the primary key", () => {
  const keyed = (column: Column): TableDefinition => ({
    ...withColumn(column),
    clusteringKey: [{ column: "extra" }, { column: "id" }],
  });

  it.each<[what: string, column: Column, words: string]>([
    ["a duration", { type: "duration", body: "x" }, "holds a duration, which has no order"],
    ["a set", { type: "frozen<set<int>>", body: "x" }, "holds a set or a map"],
    ["a map in a tuple", { type: "tuple<int, map<int, int>>", body: "x" }, "holds a set or a map"],
    ["when the entity took it", { type: "timestamp", message: "enqueuedTime" }, "a replay takes it anew"],
    [
      "a property that a replay changes",
      { type: "int", property: "stowage-replays" },
      "changes when the message is sent again",
    ],
  ])("does not hold %s", (_, column, text) => {
    expect(words(keyed(column))).toContain(text);
  });

  it.each<CqlType>(["tuple<int, text>", "frozen<list<int>>", "frozen<position>", "vector<int, 2>", "inet", "decimal"])(
    "may hold a %s",
    (type) => {
      expect(words(keyed({ type, body: "x" }))).toBe("");
    },
  );

  it("holds the event's id, unless the last writer of each cell wins", () => {
    const without = { ...base, clusteringKey: [{ column: "time" }] };
    expect(words(without)).toContain(
      "does not hold the event's id: two events with one key and one time would be mixed",
    );
    expect(words({ ...without, lastWriterPerCell: true })).toBe("");
    const cloud: TableDefinition = {
      ...withColumn({ type: "text", attribute: "id" }, without),
      from: { ...base.from, format: "cloudevents" },
    };
    expect(words({ ...cloud, clusteringKey: [{ column: "extra" }] })).toBe("");
    expect(words(cloud)).toContain("does not hold the event's id");
  });

  it("has a bucket of the event's time in a type that can hold its beginning", () => {
    expect(words(withColumn({ type: "timestamp", bucket: "hour" }))).toBe("");
    expect(words(withColumn({ type: "date", bucket: "day" }))).toBe("");
    expect(words(withColumn({ type: "date", bucket: "hour" }))).toContain("must be timestamp for a bucket of an hour");
    expect(words(withColumn({ type: "text", bucket: "day" }))).toContain("must be timestamp or date for a bucket");
  });
});

describe("deletions", () => {
  const deleting = (changes: Partial<TableDefinition> = {}, from: Partial<TableDefinition["from"]> = {}) => ({
    ...shared,
    ...changes,
    from: { ...shared.from, deletes: { property: "op", equals: "gone" }, ...from },
  });

  it("find their rows by what the deleting message shares with them", () => {
    expect(words(deleting())).toBe("");
    expect(words(deleting({ clusteringKey: [{ column: "id" }] }))).toContain("a deletion has an id of its own");
    expect(words(deleting({ clusteringKey: [{ column: "time" }] }, { time: { body: "time" } }))).toContain(
      "the deletion of such a row has the row's own time",
    );
    const bucketed = withColumn({ type: "date", bucket: "day" }, deleting());
    expect(words({ ...bucketed, partitionKey: ["device", "extra"] })).toContain("would look in another bucket");
    expect(words(deleting({}, { deletes: { equals: "x" } }))).toContain("table.from.deletes: must have exactly one of");
  });

  it("end the age of every event where their tombstones end", () => {
    const day = 86_400;
    expect(maxAgeSeconds(shared)).toBeUndefined();
    expect(maxAgeSeconds({ ...shared, from: { ...shared.from, maxAge: "30d" } })).toBe(30 * day);
    expect(maxAgeSeconds(deleting())).toBe(10 * day);
    expect(maxAgeSeconds(deleting({ options: { gcGrace: "3d" } }))).toBe(3 * day);
    expect(maxAgeSeconds(deleting({}, { maxAge: "1d" }))).toBe(day);
    expect(words(deleting({}, { maxAge: "10d" }))).toBe("");
    expect(words(deleting({}, { maxAge: "11d" }))).toContain("must be at most options.gcGrace, 10d");
    expect(words(deleting({ options: { gcGrace: "20d" } }, { maxAge: "11d" }))).toBe("");
  });
});

describe("options of a table", () => {
  it.each<[option: unknown, words: string]>([
    [{ gcGrace: "30m" }, "options.gcGrace: must be a duration from 1h to 1000d"],
    [{ compaction: { min_threshold: "4" } }, "options.compaction: must name its class"],
    [{ compaction: { class: "X", "a'b": "1" } }, "must be an option's name in CQL"],
    [{ compression: { enabled: false } }, "options.compression.enabled: must be text"],
    [{ ttl: "1d" }, "unknown key"],
  ])("%j is refused", (options, text) => {
    const table = { ...sinks.cassandra.cassandra.table, options };
    const pipeline = { ...pipelineTo("cassandra"), sink: { cassandra: { ...sinks.cassandra.cassandra, table } } };
    expect(pipelineProblems(pipeline).map(formatProblem).join("\n")).toContain(text);
  });
});

describe("partitions above 100 MB", () => {
  const rated = (
    rowsPerSecond: number,
    bytesPerRow: number,
    changes: Partial<TableDefinition> = {},
  ): TableDefinition => ({
    ...base,
    ...changes,
    from: { ...base.from, rate: { rowsPerSecond, bytesPerRow } },
  });
  const bucketed = (bucket: "hour" | "day" | "week" | "month", rows: number, bytes: number): TableDefinition => {
    const table = withColumn({ type: "timestamp", bucket }, rated(rows, bytes));
    return { ...table, partitionKey: ["device", "extra"] };
  };
  const warned = (table: TableDefinition) => tableWarnings(table, "table").map(formatProblem).join("\n");

  it("are warned about with the figures, and the bucket that fits", () => {
    // 10 rows of 200 bytes a second: 2 kB; an hour is 7.2 MB, a day 172.8 MB.
    expect(warned(bucketed("day", 10, 200))).toBe(
      "table.partitionKey: a partition grows to 173 MB in 24 hours at 10 rows of 200 bytes a second; above 100 MB it is slow " +
        'to read, compact and repair (found ["device","extra"]). Use bucket: "hour" (7.2 MB a partition)',
    );
    expect(warned(bucketed("hour", 10, 200))).toBe("");
    expect(warned(bucketed("month", 0.01, 1_000))).toBe("");
    expect(warned(bucketed("month", 1, 100))).toContain("grows to 268 MB in 31 days at 1 rows of 100 bytes a second");
    expect(warned(bucketed("month", 1, 100))).toContain('Use bucket: "week" (60.5 MB a partition)');
    expect(warned(bucketed("hour", 1_000, 100))).toContain("No bucket is short enough");
  });

  it("are those of the time to live where no bucket ends them, and grow without end where nothing does", () => {
    expect(warned(rated(10, 200, { timeToLive: "1h" }))).toBe("");
    expect(warned(rated(10, 200, { timeToLive: "1d" }))).toContain("a partition grows to 173 MB in 24 hours");
    expect(warned(rated(10, 200))).toContain(
      "a partition grows without end: at 10 rows of 200 bytes a second it passes 100 MB after 13.9 hours",
    );
    expect(warned(rated(10, 200))).toContain('Add a column with bucket: "hour" to the partition key');
    // A bucket that only orders rows within their partition ends none.
    const inside = withColumn({ type: "timestamp", bucket: "hour" }, rated(10, 200));
    expect(warned({ ...inside, clusteringKey: [{ column: "extra" }, { column: "id" }] })).toContain("without end");
  });

  it("are nothing to say of where no rate is stated, or every event is a partition of its own", () => {
    expect(partitionEstimate(base)).toBeUndefined();
    expect(warned(rated(1e6, 1e6, { partitionKey: ["device", "id"] }))).toBe("");
  });
});
