import {
  DELIVERY_DEFAULTS,
  type Pipeline,
  type PipelineSink,
  type TableDefinition,
} from "../../../runtime/contract/index.js";

const MIB = 1024 * 1024;

export const readings: TableDefinition = {
  keyspace: "telemetry",
  name: "readings",
  columns: {
    device: { type: "text", body: "device", required: true },
    day: { type: "text", body: "day", required: true },
    time: { type: "timestamp", body: "time", required: true },
    id: { type: "text", message: "messageId", required: true },
  },
  partitionKey: ["device", "day"],
  clusteringKey: [{ column: "time", descending: true }, { column: "id" }],
  from: { time: { body: "time" } },
};

export const sinks = {
  gluster: {
    gluster: {
      volume: "results",
      mountPath: "/mnt/results",
      directory: "renders",
      job: { command: ["sha256sum"], timeoutSeconds: 60, maxOutputBytes: MIB },
    },
  },
  linstor: {
    linstor: { resourceGroup: "volumes", readyTimeoutSeconds: 60, pollMilliseconds: 100, maxSizeKib: 2 ** 30 },
  },
  cassandra: {
    cassandra: {
      table: readings,
      replication: { dc1: 3 },
      consistency: "LOCAL_QUORUM",
      batchMaxRows: 100,
      batchMaxBytes: 65_536,
      flushMilliseconds: 20,
      maxInFlight: 32,
      batchBy: "partition" as const,
      ledger: false,
    },
  },
} satisfies { [kind: string]: PipelineSink };

/** A pipeline that is right in every part. */
export function pipelineTo(sink: keyof typeof sinks, changed: Partial<Pipeline> = {}): Pipeline {
  return {
    contractVersion: 1,
    name: "renders",
    source: {
      queue: "renders",
      sessions: sink === "linstor",
      lockDurationSeconds: 60,
      maxDeliveryCount: 10,
      duplicateDetection: false,
    },
    sink: sinks[sink],
    delivery: {
      ...DELIVERY_DEFAULTS,
      concurrency: 16,
      maxHeldBytes: 64 * MIB,
      attempts: 3,
      retryBaseMilliseconds: 200,
      retryMaxMilliseconds: 10_000,
      maxProcessingSeconds: 300,
      shutdownGraceSeconds: 30,
      onPoison: "skip",
    },
    replyQueues: [],
    observe: false,
    ...changed,
  };
}
