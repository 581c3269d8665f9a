import { type Of, of, one, type PanelDefinition, type PanelRow, quantiles, rate, sum } from "./panelParts.js";

/** What the Cassandra sink tells of itself: a row of the dashboard, without panels where the pipeline goes elsewhere. */
export function cassandraRow(p: Of): PanelRow {
  const panels: PanelDefinition[] = [
    {
      title: "Rows of a batch",
      unit: "short",
      description:
        "How full batches are. Few rows a batch cost requests: more flushMilliseconds, or batchBy replicaSet.",
      queries: quantiles(p, "stowage_cassandra_batch_rows"),
    },
    {
      title: "Bytes of a batch",
      unit: "bytes",
      description: "About. Batches of several partitions are kept below 40 KiB, by what the server counts.",
      queries: quantiles(p, "stowage_cassandra_batch_bytes"),
    },
    {
      title: "Batches in flight",
      unit: "short",
      description: "By worker. The limit falls below maxInFlight while the ring is slow, and grows again by itself.",
      queries: [
        { expr: of(p, "stowage_cassandra_in_flight_batches"), legend: "{{pod}} in flight" },
        { expr: of(p, "stowage_cassandra_in_flight_limit"), legend: "{{pod}} limit" },
      ],
    },
    one(
      "Share of the hottest partition",
      "percentunit",
      "Of the last 10,000 rows, by worker. Its replicas do the work of all; the log names it from 30 % on.",
      of(p, "stowage_cassandra_hot_partition_ratio"),
      "{{pod}}",
    ),
    one(
      "Rows out of time",
      "ops",
      "Ahead of the clock or too old: dead-lettered. Expired: done, nothing of them would be left.",
      sum(rate(p, "stowage_cassandra_out_of_time_total"), "why"),
      "{{why}}",
    ),
  ];
  return { title: "Cassandra", panels: p.pipeline.sink.cassandra === undefined ? [] : panels };
}
