import type * as pulumi from "@pulumi/pulumi";
import type {
  AuditDestination,
  BatchBy,
  Consistency,
  Job,
  ModuleSink,
  PipelineDelivery,
  PipelineProducers,
  TableDefinition,
} from "../../runtime/contract/index.js";
import type { ScalingArgs, WorkerModulesArgs, WorkerResourcesArgs } from "../worker/args.js";
import type { WorkerAlertsArgs } from "../worker/monitoringArgs.js";

/** The entity that a pipeline's messages come from: either `queue`, or `topic` with `subscription`. */
export interface PipelineSourceArgs {
  /** A queue of `serviceBus`. */
  queue?: string;
  /** A topic of `serviceBus`. */
  topic?: string;
  /** A subscription of `topic`. */
  subscription?: string;
}

/** Where a pipeline's messages go: exactly one of its keys is set. */
export interface PipelineSinkArgs {
  /** Runs a job for each message and stores its output as one file on a Gluster volume. */
  gluster?: GlusterSinkArgs;
  /** Executes storage commands on LINSTOR and answers. The source must require sessions. */
  linstor?: LinstorSinkArgs;
  /** Writes rows to Cassandra. */
  cassandra?: CassandraSinkArgs;
  /** A sink of one's own, as an ES module in the worker's container. */
  module?: ModuleSink;
}

/** The gluster sink. */
export interface GlusterSinkArgs {
  /** A volume of `storage.gluster`. */
  volume: string;
  /**
   * Folder in the container where the volume is mounted; absolute.
   * @default `/mnt/<volume>`
   */
  mountPath?: string;
  /**
   * Folder on the volume that results go to; relative.
   * @default the pipeline's name
   */
  directory?: string;
  /** The job. */
  job: Job;
}

/** The linstor sink. */
export interface LinstorSinkArgs {
  /** A resource group of `storage.linstor`; its placement goes to the worker, which makes the group when it is missing. */
  resourceGroup: string;
  /** Largest volume that a command may ask for, in KiB, from 4. */
  maxSizeKib: number;
  /**
   * How long a volume may take to become ready, in seconds, 1 to 3600.
   * @default 120
   */
  readyTimeoutSeconds?: number;
  /**
   * How often its state is asked for, in milliseconds, 10 to 60000.
   * @default 250
   */
  pollMilliseconds?: number;
}

/** The cassandra sink. */
export interface CassandraSinkArgs {
  /** The table, and how a message becomes one of its rows. */
  table: TableDefinition;
  /**
   * Replicas of the keyspace by datacenter, 1 to 32 each: `{ dc1: 3 }`.
   * @default as `storage.cassandra` plans the keyspace
   */
  replication?: { [datacenter: string]: number };
  /**
   * Consistency of writes.
   * @default "LOCAL_QUORUM"
   */
  consistency?: Consistency;
  /**
   * Rows in one batch at most, 1 to 500.
   * @default 100
   */
  batchMaxRows?: number;
  /**
   * Bytes in one batch at most, 1024 to 1048576.
   * @default 65536
   */
  batchMaxBytes?: number;
  /**
   * How long a batch waits for more rows, in milliseconds, 0 to 1000.
   * @default 20
   */
  flushMilliseconds?: number;
  /**
   * Batches in flight at once, 1 to 256. Fewer are while the ring is slow.
   * @default 32
   */
  maxInFlight?: number;
  /**
   * Which rows go into one batch: those of one partition, or those of several partitions that the same replicas hold.
   * @default "replicaSet", the faster one where partitions get few rows, and no slower where they get many
   */
  batchBy?: BatchBy;
  /**
   * Time without an answer, in milliseconds, 5 to 10000, after which a write is sent to a second coordinator as well; the
   * first answer counts. Writes are idempotent, so that it only costs load.
   * @default never
   */
  speculativeMilliseconds?: number;
  /**
   * True where every message id is claimed before its row is written, so that the same id with another body is poison
   * (`MessageIdReused`). It costs a lightweight transaction a message: a tenth of the rate and less. A row comes once
   * either way, since a redelivery writes the same cells at the same timestamp.
   * @default false
   */
  ledger?: boolean;
}

/** The append-only, hash-chained log of a pipeline's effects. */
export interface PipelineAuditArgs {
  /** The worker's standard output, beside its log lines, or files. */
  destination: AuditDestination;
  /**
   * Folder of the files in the container, absolute; with the destination `file` only.
   * @default "/var/lib/stowage/audit"
   */
  directory?: string;
  /**
   * Claim of the volume that is mounted there, in the namespace of the workers; it exists. Needed with the destination
   * `file`, and only there. Workers write to it from several nodes at once: ReadWriteMany.
   */
  claim?: pulumi.Input<string>;
  /**
   * After so many records the head of the chain is a log line and a metric, 1 to 1000000.
   * @default 1000
   */
  headEvery?: number;
  /**
   * Bytes of one file, 1048576 to 1073741824, after which the next begins; with the destination `file` only.
   * @default 67108864
   */
  maxFileBytes?: number;
}

/** Where a sink of one's own writes to, as the network policy must know it. */
export interface ModuleStoreArgs {
  /** Ports of its store, 1 to 65535. */
  ports: number[];
  /**
   * Ranges of its store, where it is outside of the cluster.
   * @default every address
   */
  cidrs?: string[];
  /**
   * Kubernetes namespace of its store's pods, where it is in the cluster. In place of `cidrs`.
   * @default every address
   */
  namespace?: string;
}

/** One pipeline. Its key in the map is its name: 1 to 40 lower-case letters, digits or `-`. */
export interface IntegrationPipelineArgs {
  /** The entity that messages come from. Its lock, deliveries and sessions are those of the entity itself. */
  source: PipelineSourceArgs;
  /** Where they go. */
  sink: PipelineSinkArgs;
  /**
   * How messages are taken, tried again and given up.
   * @default 16 at once (1,000 to Cassandra without sessions), 64 MiB held, 3 attempts, 200 ms to 10 s apart, 300 s or the
   * job's limit, 3 restarts expected, an hour held while the store is down, 30 s of grace, poison skipped, no progress for
   * 11 minutes
   */
  delivery?: Partial<PipelineDelivery>;
  /**
   * Who may publish, beyond holding the send right.
   * @default every holder of the send right
   */
  producers?: PipelineProducers;
  /**
   * The append-only log of effects.
   * @default none is kept
   */
  audit?: PipelineAuditArgs;
  /**
   * Whether the worker reads the entity's exact counts. Azure gives them to who may manage the entity: the worker's
   * identity gets Data Owner on this one entity, which also lets it send, and change or delete the entity; and it may
   * reach the bus's administration on 443.
   * @default false
   */
  observe?: boolean;
  /**
   * Queues of `serviceBus` that replies may go to; the worker may send to these and to no other.
   * @default none
   */
  replyQueues?: string[];
  /**
   * Replicas. Not with `scaling`.
   * @default 2
   */
  replicas?: number;
  /**
   * Scaling by waiting messages.
   * @default none
   */
  scaling?: ScalingArgs;
  /** What a worker's container may use. */
  resources?: WorkerResourcesArgs;
  /**
   * Modules that `sink.module` or `job.module` names, mounted at `/opt/stowage/modules`.
   * @default none: the image has to have them
   */
  modules?: WorkerModulesArgs;
  /**
   * Where `sink.module` writes to. Only with it.
   * @default nothing: beside bus and Entra ID it reaches no address
   */
  moduleStore?: ModuleStoreArgs;
  /**
   * Alerts in place of those of `monitoring.alerts`, each by its key. Only with `monitoring`.
   * @default those of `monitoring.alerts`
   */
  alerts?: WorkerAlertsArgs;
}
