import { describe, expect, it } from "vitest";
import { formatProblem, pipelineProblems } from "../../../runtime/contract/index.js";
import { pipelineTo, readings, sinks } from "../support/pipelines.js";

const words = (change: object): string => {
  const table = Object.assign({}, readings, change);
  const pipeline = { ...pipelineTo("cassandra"), sink: { cassandra: { ...sinks.cassandra.cassandra, table } } };
  return pipelineProblems(pipeline).map(formatProblem).join("\n");
};

describe("a table of another shape", () => {
  const { time } = readings.columns;
  it.each<[change: object, path: string, rule: string]>([
    [{ columns: undefined }, "columns", "is missing; it must be columns by name"],
    [
      { columns: { ...readings.columns, time: { ...time, required: "yes" } } },
      "columns.time.required",
      "true or false",
    ],
    [
      { columns: { ...readings.columns, time: { ...time, property: 7 } } },
      "columns.time.property",
      "a.* property's name",
    ],
    [{ types: ["position"] }, "types", "must be user-defined types by name"],
    [{ types: { position: "double" } }, "types.position", "must be types of fields by name"],
    [{ partitionKey: "device" }, "partitionKey", "must be a list of at least one column"],
    [{ partitionKey: [] }, "partitionKey", "must be a list of at least one column"],
    [{ clusteringKey: undefined }, "clusteringKey", "is missing; it must be a list of clustering columns"],
    [{ clusteringKey: [{ column: "id", descending: 1 }] }, "clusteringKey.0.descending", "must be true or false"],
    [{ options: { compression: "LZ4Compressor" } }, "options.compression", "must be options by name"],
    [{ from: { ...readings.from, deletes: { property: "op", equals: 1 } } }, "from.deletes.equals", "must be text"],
    [
      { from: { ...readings.from, rate: { rowsPerSecond: "7", bytesPerRow: 1 } } },
      "from.rate.rowsPerSecond",
      "above 0",
    ],
    [{ from: { ...readings.from, rate: { rowsPerSecond: 7, bytesPerRow: 0 } } }, "from.rate.bytesPerRow", "at least 1"],
  ])("%j is refused with its path, its rule and the way out", (change, path, rule) => {
    const said = words(change);
    expect(said).toContain(`table.${path}: `);
    expect(said).toMatch(new RegExp(rule));
    expect(said).not.toContain("Invalid input");
    expect(said).not.toContain("See the documentation");
  });
});

describe("names of a table", () => {
  it.each(["system", "system_auth", "system_anything"])("keyspace %s is Cassandra's own", (keyspace) => {
    expect(words({ keyspace })).toContain("table.keyspace: is a keyspace of Cassandra's own");
  });

  it.each(["systems", "telemetry_system"])("keyspace %s is nobody's but the team's", (keyspace) => {
    expect(words({ keyspace })).toBe("");
  });

  it("are columns only where the table has them, not where every object does", () => {
    expect(words({ partitionKey: ["constructor"] })).toContain("is not a column of the table");
    const named = { ...readings.columns, constructor: { type: "text", body: "constructor" } };
    expect(words({ columns: named, partitionKey: ["constructor"] })).toBe("");
  });
});
