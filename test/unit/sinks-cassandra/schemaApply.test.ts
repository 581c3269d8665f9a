import { Client } from "cassandra-driver";
import { expect, test } from "vitest";
import type { TableDefinition } from "../../../runtime/contract/index.js";
import { bringSchema } from "../../../runtime/sinks/cassandra/schema/apply.js";
import { wantedSchema } from "../../../runtime/sinks/cassandra/schema/state.js";
import { sinks } from "../support/pipelines.js";

const LZ4 = "org.apache.cassandra.io.compress.LZ4Compressor";
const table: TableDefinition = {
  keyspace: "telemetry",
  name: "readings",
  columns: { id: { type: "text", message: "messageId" } },
  partitionKey: ["id"],
  clusteringKey: [],
  from: { time: { property: "time" } },
};
const wantedOf = (compression: { [option: string]: string }) =>
  wantedSchema({
    ...sinks.cassandra.cassandra,
    table: { ...table, options: { compression } },
    replication: { dc1: 1 },
    ledger: false,
  });

/** A client of a ring of one node that has the table, and shows of its compression what `shows` makes of the statements. */
function ring(shows: (statements: string[]) => { [option: string]: string }): { client: Client; statements: string[] } {
  const statements: string[] = [];
  const answers = (query: string): object[] => {
    if (query.includes("system_schema.keyspaces"))
      return [{ replication: { class: "org.apache.cassandra.locator.NetworkTopologyStrategy", dc1: "1" } }];
    if (query.includes("system_schema.tables"))
      return [
        {
          table_name: "readings",
          gc_grace_seconds: 864_000,
          default_time_to_live: 0,
          compaction: {},
          compression: shows(statements),
        },
      ];
    if (!query.includes("system_schema.columns")) return [];
    const column = { table_name: "readings", column_name: "id", type: "text", kind: "partition_key", position: 0 };
    return [{ ...column, clustering_order: "none" }];
  };
  const host = { address: "127.0.0.1:9042", datacenter: "dc1", isUp: () => true };
  const client = Object.assign(new Client({ contactPoints: ["127.0.0.1"], localDataCenter: "dc1" }), {
    hosts: { values: () => [host] },
    getState: () => ({ getConnectedHosts: () => [host] }),
    execute: async (query: string) => {
      if (query.startsWith("ALTER")) statements.push(query);
      return { rows: answers(query), info: { isSchemaInAgreement: true } };
    },
  });
  return { client, statements };
}

test("an option that Cassandra shows as it was set is set once", async () => {
  const { client, statements } = ring((set) =>
    set.length === 0 ? { class: LZ4 } : { class: LZ4, chunk_length_in_kb: "4" },
  );
  const wanted = wantedOf({ class: "LZ4Compressor", chunk_length_in_kb: "4" });
  await bringSchema(client, wanted, new AbortController().signal);
  expect(statements).toHaveLength(1);
});

test("an option that Cassandra takes and shows in other words is refused after three tries, with the way out", async () => {
  const { client, statements } = ring(() => ({ class: LZ4 }));
  const bringing = bringSchema(
    client,
    wantedOf({ class: "LZ4Compressor", enabled: "true" }),
    new AbortController().signal,
  );
  await expect(bringing).rejects.toThrow(
    /3 times to set the compression of readings.*'enabled': 'true'.*state it in the definition as DESCRIBE TABLE shows it/s,
  );
  expect(statements).toHaveLength(3);
});
