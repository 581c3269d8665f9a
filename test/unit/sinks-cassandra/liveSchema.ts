import { type CassandraSink, defineTable, type TableDefinition } from "../../../runtime/contract/index.js";
import type { LiveSchema, LiveTable, WantedSchema } from "../../../runtime/sinks/cassandra/schema/state.js";
import { sinks } from "../support/pipelines.js";

/** A table with everything that a schema can hold. */
export const table = defineTable({
  keyspace: "telemetry",
  name: "readings",
  columns: {
    device: { type: "text", body: "device" },
    at: { type: "frozen<place>", body: "at" },
    day: { type: "date", body: "day" },
    seq: { type: "bigint", body: "seq" },
    celsius: { type: "double", body: "celsius" },
    where: { type: "frozen<list<position>>", body: "where" },
    id: { type: "text", message: "messageId" },
  },
  types: {
    position: { x: "double", y: "double" },
    place: { name: "text" },
  },
  partitionKey: ["device", "day", "at"],
  clusteringKey: [{ column: "seq", descending: true }, { column: "id" }],
  options: {
    comment: "readings of devices",
    gcGrace: "10d",
    compaction: { class: "TimeWindowCompactionStrategy", compaction_window_unit: "DAYS" },
    compression: { class: "LZ4Compressor" },
  },
  from: { time: { body: "time" } },
});

/** A sink into it, or into one that differs. */
export const sinkOf = (change: Partial<TableDefinition> = {}, more: Partial<CassandraSink> = {}): CassandraSink => ({
  ...sinks.cassandra.cassandra,
  table: { ...table, ...change },
  replication: { dc1: 3 },
  ledger: false,
  ...more,
});

export const nodes = { dc1: 3, dc2: 3 };

/** A live schema in which all that is wanted is there, as Cassandra writes it. */
export function liveOf(
  wanted: WantedSchema,
  change: (live: LiveSchema, readings: LiveTable) => void = () => undefined,
) {
  const live: LiveSchema = {
    nodes,
    replication: { strategy: "NetworkTopologyStrategy", replicas: { ...wanted.replication } },
    types: wanted.types.map((type) => ({ ...type, fields: [...type.fields] })),
    tables: Object.fromEntries(
      wanted.tables.map(({ shape }) => [
        shape.name,
        {
          columns: shape.columns.map((column) => ({ ...column })),
          dropped: [],
          options: {
            comment: "readings of devices",
            gcGraceSeconds: 864_000,
            defaultTimeToLive: 0,
            compaction: {
              class: "org.apache.cassandra.db.compaction.TimeWindowCompactionStrategy",
              compaction_window_unit: "DAYS",
              max_threshold: "32",
            },
            compression: { class: "org.apache.cassandra.io.compress.LZ4Compressor", chunk_length_in_kb: "16" },
          },
        },
      ]),
    ),
  };
  const readings = live.tables["readings"];
  if (readings !== undefined) change(live, readings);
  return live;
}
