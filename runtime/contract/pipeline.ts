import type { AuditSettings } from "./auditSettings.js";
import type { PipelineDelivery } from "./delivery.js";
import type { PipelineProducers } from "./producers.js";
import type { TableDefinition } from "./table.js";

/** The version of the pipeline contract that this code reads and writes. */
export const CONTRACT_VERSION = 1;

/**
 * A pipeline: one source entity, one sink, one worker deployment. Plain JSON: it survives
 * `JSON.parse(JSON.stringify(p))` unchanged.
 */
export interface Pipeline {
  /** Version of this contract. Only 1 exists; a worker refuses one it does not know. */
  contractVersion: number;
  /** Name of the pipeline: 1 to 40 characters, lower-case letters, digits and `-`, as a DNS label. */
  name: string;
  /** The entity that messages come from. */
  source: PipelineSource;
  /** Where they go: exactly one of its keys is set. */
  sink: PipelineSink;
  /** How messages are taken, tried again and given up. */
  delivery: PipelineDelivery;
  /**
   * The queues that replies may go to. A message whose ReplyTo is any other entity is poison
   * (`ReplyNotAllowed`). The worker's identity gets the send right on exactly these.
   */
  replyQueues: string[];
  /** Who may publish. Without it every holder of the send right may. */
  producers?: PipelineProducers;
  /** The append-only log of effects. Without it none is kept. */
  audit?: AuditSettings;
  /**
   * True where the worker reads the entity's exact counts. Azure gives them to who may manage the entity: the worker's
   * identity gets Data Owner on this one entity, which also lets it send, and change or delete the entity. Without it
   * the metric of counts is absent, and the age of the oldest message is found by peeking.
   */
  observe: boolean;
}

/** The source entity: either `queue`, or `topic` with `subscription`. */
export interface PipelineSource {
  /** Queue, by its name in the namespace. */
  queue?: string;
  /** Topic, by its name in the namespace; needs `subscription`. */
  topic?: string;
  /** Subscription of `topic`. */
  subscription?: string;
  /** True where the entity requires sessions: order is kept within a session, and only there. */
  sessions: boolean;
  /** The entity's lock duration in seconds, 5 to 300 (Azure's limit is PT5M). */
  lockDurationSeconds: number;
  /** The entity's max delivery count, 1 to 2000 (Azure's limits). */
  maxDeliveryCount: number;
  /** True where the queue, or the topic, requires duplicate detection: a copy under its old id would be dropped. */
  duplicateDetection: boolean;
}

/** Exactly one of the keys is set. */
export interface PipelineSink {
  /** A job's output, one file on a Gluster volume for each message. */
  gluster?: GlusterSink;
  /** Storage commands on LINSTOR, with answers. */
  linstor?: LinstorSink;
  /** Rows in a Cassandra table. */
  cassandra?: CassandraSink;
  /** A sink of one's own, as an ES module. */
  module?: ModuleSink;
}

/** Names of the sinks, as they appear in a pipeline, in metrics and in logs. */
export const SinkKind = { Gluster: "gluster", Linstor: "linstor", Cassandra: "cassandra", Module: "module" } as const;
export type SinkKind = (typeof SinkKind)[keyof typeof SinkKind];

/** Runs a job for each message and stores its output as one file on a Gluster volume. */
export interface GlusterSink {
  /** Name of the volume; the mounted folder's marker must say the same. */
  volume: string;
  /** Folder in the container where the volume is mounted; absolute. */
  mountPath: string;
  /** Folder on the volume that results go to, relative, without `..`. */
  directory: string;
  /** The job. */
  job: Job;
}

/**
 * What makes a result of a message: a command that gets the body on its standard input and answers on its standard
 * output, or a function of one's own. Exactly one of `command` and `module` is set.
 */
export interface Job {
  /** The program and its arguments; no shell is involved. */
  command?: string[];
  /** Path in the container, absolute, of an ES module whose default export `defineJob` made. */
  module?: string;
  /** Time limit of one run in seconds, 1 to 86400. */
  timeoutSeconds: number;
  /** Limit of its output in bytes, 1 to 1 GiB; a job that prints more is killed and its message is poison. */
  maxOutputBytes: number;
}

/** Executes storage commands on LINSTOR and answers when the volume is ready. */
export interface LinstorSink {
  /** Resource group that volumes are spawned from. */
  resourceGroup: string;
  /** How long a volume may take to become ready, in seconds, 1 to 3600. */
  readyTimeoutSeconds: number;
  /** How often its state is asked for, in milliseconds, 10 to 60000. */
  pollMilliseconds: number;
  /** Largest volume that a command may ask for, in KiB, from 4. */
  maxSizeKib: number;
  /**
   * Replicas of a volume, 1 to 32 (31 peers and itself, DRBD's limit). Where it is given, a resource group that
   * does not exist is created with it; where it is not, the group must exist.
   */
  placeCount?: number;
  /** Storage pool that a group created by `placeCount` takes; LINSTOR chooses among all pools where it is absent. */
  storagePool?: string;
  /**
   * Node properties in which the replicas of such a group differ: `["Aux/topology/topology.kubernetes.io/zone"]`
   * puts each into a zone of its own. Only together with `placeCount`.
   */
  replicasOnDifferent?: string[];
}

/** Consistency levels that a write may ask for, by Cassandra's own names. */
export const Consistency = {
  LocalOne: "LOCAL_ONE",
  LocalQuorum: "LOCAL_QUORUM",
  Quorum: "QUORUM",
  EachQuorum: "EACH_QUORUM",
  All: "ALL",
} as const;
export type Consistency = (typeof Consistency)[keyof typeof Consistency];

/** Which rows go into one batch. */
export const BatchBy = {
  /** Rows of one partition: the batch is one mutation. */
  Partition: "partition",
  /**
   * Rows of partitions that the same replicas hold, 10 partitions and 40 KiB at most (the server warns from 10 partitions on
   * and refuses above 50 KiB): fewer requests where each partition gets few rows.
   */
  ReplicaSet: "replicaSet",
} as const;
export type BatchBy = (typeof BatchBy)[keyof typeof BatchBy];

/** Writes rows, in batches. */
export interface CassandraSink {
  /** The table that rows go to. */
  table: TableDefinition;
  /** Replicas of the keyspace by datacenter, 1 to 32 each: `{ dc1: 3 }`. */
  replication: { [datacenter: string]: number };
  /** Consistency of writes. */
  consistency: Consistency;
  /** Rows in one batch at most, 1 to 500. */
  batchMaxRows: number;
  /** Bytes in one batch at most, 1024 to 1048576. */
  batchMaxBytes: number;
  /** How long a batch waits for more rows, in milliseconds, 0 to 1000. */
  flushMilliseconds: number;
  /** Batches in flight at once, 1 to 256. Fewer are while the ring is slow. */
  maxInFlight: number;
  /** Which rows go into one batch. */
  batchBy: BatchBy;
  /**
   * Time without an answer, in milliseconds, 5 to 10000, after which a write is sent to a second coordinator as well; the
   * first answer counts. Writes are idempotent, so that it only costs load.
   * @default never
   */
  speculativeMilliseconds?: number;
  /**
   * True where every message id is claimed before its row is written, so that the same id with another body is poison
   * (`MessageIdReused`). It costs a lightweight transaction a message: a tenth of the rate and less. Without it a
   * redelivery writes the same cells at the same timestamp, which changes nothing.
   */
  ledger: boolean;
}

/** How rows are written where nothing is said: what `npm run bench -- cassandra` measures. */
export const CASSANDRA_DEFAULTS = {
  consistency: Consistency.LocalQuorum,
  batchMaxRows: 100,
  batchMaxBytes: 64 * 1024,
  flushMilliseconds: 20,
  maxInFlight: 32,
  batchBy: BatchBy.ReplicaSet,
  ledger: false,
} as const satisfies Partial<CassandraSink>;

/** Messages in work at once where the sink is Cassandra, the source has no sessions and nothing is said: batches fill. */
export const CASSANDRA_CONCURRENCY = 500;

/** A sink of one's own. */
export interface ModuleSink {
  /** Path in the container, absolute, of an ES module whose default export `defineSink` made. */
  path: string;
  /** Settings, handed to the sink as they are; the sink reads and checks them. No secrets: they stand in a config map. */
  options?: { [name: string]: string };
}

/** The entity's path as Service Bus writes it: `renders`, or `events/subscriptions/audit`. */
export function entityPath(source: PipelineSource): string {
  return source.queue ?? `${source.topic}/subscriptions/${source.subscription}`;
}

/** Which sink a pipeline has. The pipeline must be valid. */
export function sinkKind(pipeline: Pipeline): SinkKind {
  if (pipeline.sink.gluster) return SinkKind.Gluster;
  if (pipeline.sink.linstor) return SinkKind.Linstor;
  return pipeline.sink.cassandra ? SinkKind.Cassandra : SinkKind.Module;
}
