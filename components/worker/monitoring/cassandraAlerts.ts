import { type AlertDefinition, type AlertedPipeline, fixed, pooled } from "./alertParts.js";
import { type Happened, happened, series } from "./promql.js";

const needsCassandra = ({ pipeline }: AlertedPipeline) =>
  pipeline.sink.cassandra === undefined ? "goes with a cassandra sink, which this pipeline does not have" : undefined;

/** The alerts on a pipeline to Cassandra, by their keys in the args. */
export const CASSANDRA_ALERTS = {
  storeOverloaded: {
    alert: "StowageStoreOverloaded",
    defaults: { threshold: fixed(0), windowSeconds: 900, forSeconds: 300, severity: "warning" },
    needs: needsCassandra,
    expr: (of, { threshold, windowSeconds }) => {
      const shed: Happened = { name: "stowage_retries_total", only: ['code="StoreOverloaded"'] };
      return `${happened(of, shed, windowSeconds)} > ${threshold}`;
    },
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `The ring of pipeline ${pipeline.name} is overloaded`,
      description:
        `It refused or shed {{ $value | humanize }} writes in ${windowSeconds} s. They are made again, with fewer batches in ` +
        "flight: no row is lost, and the messages wait for longer.",
      action:
        "Look at the nodes: CPU, compactions that pile up, disks, long pauses of the collector. Fewer replicas of the worker " +
        "or a lower sink.cassandra.maxInFlight spare the ring; more nodes let it take more.",
    }),
  },
  hotPartition: {
    alert: "StowageHotPartition",
    defaults: { threshold: fixed(50), forSeconds: 900, severity: "warning" },
    needs: needsCassandra,
    expr: (of, { threshold }) =>
      `100 * ${pooled("max", series(of, "stowage_cassandra_hot_partition_ratio"))} > ${threshold}`,
    texts: ({ pipeline }) => ({
      summary: `One partition takes most of the rows of pipeline ${pipeline.name}`,
      description:
        "{{ $value | humanize }} in 100 of the last rows of a worker went to one partition, whose replicas do the work of " +
        "the whole ring while the other nodes idle.",
      action:
        "A worker's log names the partition (`a partition gets a large share of the rows`). One device that floods: look at the device. A partition " +
        "key that is too coarse: a shorter bucket, or a further column in it, by way of a new table.",
    }),
  },
  outOfTime: {
    alert: "StowageEventsOutOfTime",
    defaults: { threshold: fixed(0), windowSeconds: 900, forSeconds: 0, severity: "warning" },
    needs: needsCassandra,
    expr: (of, { threshold, windowSeconds }) =>
      `${happened(of, { name: "stowage_cassandra_out_of_time_total", by: ["why"] }, windowSeconds)} > ${threshold}`,
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `Pipeline ${pipeline.name} does not write events for their time: {{ $labels.why }}`,
      description:
        `{{ $value }} in ${windowSeconds} s. ahead: further in the future than maxFutureSkew; too_old: beyond maxAge, or a ` +
        "deletion older than its tombstone would live; both are dead-lettered. expired: its timeToLive was over before it " +
        "was written; it is completed, and nothing of it is stored.",
      action:
        "ahead: a producer's clock is wrong, the dead letter's description says by how much. too_old: somebody replays what " +
        "is too old, or events were held back. expired: the pipeline lags by more than the rows shall live, see StowageQueueAge.",
    }),
  },
} as const satisfies { [key: string]: AlertDefinition };
