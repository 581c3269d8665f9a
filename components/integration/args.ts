import type * as pulumi from "@pulumi/pulumi";
import type {
  AuditDestination,
  Consistency,
  Job,
  ModuleSink,
  PipelineDelivery,
  PipelineProducers,
  TableDefinition,
} from "../../runtime/contract/index.js";
import type { CassandraRingArgs } from "../cassandra/args.js";
import type { GlusterClusterArgs } from "../gluster/args.js";
import type { GitHubActionsArgs, GrantArgs, PrincipalArgs } from "../identity/args.js";
import type { LinstorClusterArgs } from "../linstor/args.js";
import type { ServiceBusEntitiesArgs } from "../servicebus/args.js";
import type { ScalingArgs, WorkerModulesArgs, WorkerResourcesArgs, WorkerTelemetryArgs } from "../worker/args.js";
import type { WorkerAlertsArgs, WorkerMonitoringArgs } from "../worker/monitoringArgs.js";

/** Where an operator comes from. */
export const OperatorSource = {
  /** A Helm release of the version that this package pins. */
  Install: "install",
  /** It is in the cluster already. */
  Existing: "existing",
} as const;
export type OperatorSource = (typeof OperatorSource)[keyof typeof OperatorSource];

/** The resource group of bus and identities. */
export interface ResourceGroupArgs {
  /** Its name. Changing this replaces everything in it: every message is lost. */
  name: string;
  /**
   * True where it is made here, false where it exists and is adopted.
   * @default true
   */
  create?: boolean;
}

/** The Kubernetes cluster. It is adopted. */
export interface ClusterArgs {
  /** Resource id of the AKS cluster. */
  id: string;
  /**
   * OIDC issuer of the cluster, an https URL.
   * @default looked up from the cluster
   */
  oidcIssuerUrl?: pulumi.Input<string>;
  /**
   * Context of the kubeconfig that leads to the cluster. Without it the program's own Kubernetes provider is used,
   * whichever cluster that leads to.
   */
  kubeContext?: string;
}

/** The Kubernetes namespace of the workers. */
export interface NamespaceArgs {
  /** Its name, a DNS label. Changing this replaces every worker; messages stay in the bus. */
  name: string;
  /**
   * True where it is made here, for restricted pods only; false where it exists and is adopted.
   * @default true
   */
  create?: boolean;
}

/** Where the operators come from that the parts need. Only those that are needed are installed. */
export interface OperatorsArgs {
  /**
   * KEDA, where a pipeline has `scaling`.
   * @default "existing"
   */
  keda?: OperatorSource;
  /**
   * Namespace of KEDA and of its account `keda-operator`; `kube-system` for the add-on of AKS.
   * @default "keda"
   */
  kedaNamespace?: string;
  /**
   * cert-manager, where there is a Cassandra ring.
   * @default "existing"
   */
  certManager?: OperatorSource;
  /**
   * piraeus-operator, where there is a LINSTOR cluster; it is installed into that cluster's namespace.
   * @default "existing"
   */
  piraeus?: OperatorSource;
  /**
   * k8ssandra-operator, where there is a Cassandra ring; it is installed into the ring's namespace.
   * @default "existing"
   */
  k8ssandra?: OperatorSource;
}

/** The stores. Each is made here where it stands; a pipeline that writes to another needs `endpoints`. */
export interface StorageArgs {
  /** Storage hosts for Gluster. With `access`, whose `claimNamespace` is the workers' namespace. */
  gluster?: GlusterClusterArgs;
  /** A LINSTOR cluster. */
  linstor?: LinstorClusterArgs;
  /** A Cassandra ring. */
  cassandra?: CassandraRingArgs;
}

/** Where stores are reached, in place of what follows from `storage`. */
export interface EndpointsArgs {
  /** LINSTOR. */
  linstor?: LinstorEndpointArgs;
  /** Cassandra. */
  cassandra?: CassandraContactArgs;
}

/** Where LINSTOR is reached. */
export interface LinstorEndpointArgs {
  /** URLs of the controllers, `http://linstor-controller.storage.svc:3370`. */
  controllers: pulumi.Input<pulumi.Input<string>[]>;
}

/** Where Cassandra is reached. */
export interface CassandraContactArgs {
  /** Hosts, without port. */
  contactPoints: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Port of the native protocol, 1 to 65535.
   * @default 9042
   */
  port?: number;
  /**
   * The datacenter next to the workers.
   * @default that of `storage.cassandra`
   */
  localDatacenter?: string;
}

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
   * Batches in flight at once, 1 to 256.
   * @default 32
   */
  maxInFlight?: number;
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
   * @default 16 at once, 64 MiB held, 3 attempts, 200 ms to 10 s apart, 300 s or the job's limit, 3 restarts expected, an
   * hour held while the store is down, 30 s of grace, poison skipped, no progress for 11 minutes
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

/** A principal that exists and publishes: a user, a group, an application or a managed identity. */
export interface ProducerArgs extends PrincipalArgs {
  /**
   * What it may do: send, and receive what is answered. It never manages, and never receives from a pipeline's source,
   * whose worker would miss what it takes.
   */
  grants: GrantArgs[];
}

/** An identity that pipelines run `pulumi up` as. What it may change in Azure is assigned to it by who owns that. */
export interface DeployerArgs {
  /** Workflows of GitHub Actions that log in as the identity, by name: 1 to 20. */
  githubActions: { [name: string]: GitHubActionsArgs };
  /**
   * What it may do with messages: a test after a deployment may send one.
   * @default nothing
   */
  grants?: GrantArgs[];
}

/** Which addresses the workers reach; ranges are IPv4, `10.20.3.0/28`. A policy names ranges, never hosts. */
export interface IntegrationNetworkArgs {
  /**
   * Ranges of the private endpoints of the Service Bus, on port 5671.
   * @default the `privateAddress` of its endpoints, where all have one and there is no public access; else every address
   */
  serviceBusCidrs?: string[];
  /**
   * Ranges through which Entra ID is reached, on port 443.
   * @default every address
   */
  entraCidrs?: string[];
  /**
   * Ranges of the LINSTOR controllers, on their port, where they are outside of the cluster.
   * @default the namespace of `storage.linstor`; every address with `endpoints.linstor`
   */
  linstorCidrs?: string[];
  /**
   * Ranges of the Cassandra ring, on its port, where it is outside of the cluster.
   * @default the namespace of `storage.cassandra`; every address with `endpoints.cassandra`
   */
  cassandraCidrs?: string[];
  /**
   * Ranges of the resolvers, on port 53.
   * @default the cluster's own
   */
  dnsCidrs?: string[];
  /**
   * Ranges through which the issuers of producers' keys are reached, by pipelines with `producers.requireSignature`.
   * @default every address
   */
  issuerCidrs?: string[];
  /**
   * Ranges of the receiver of `telemetry`, on its port, where it is outside of the cluster.
   * @default every address
   */
  otlpCidrs?: string[];
  /**
   * Kubernetes namespace of that receiver's pods, where it is in the cluster. In place of `otlpCidrs`.
   * @default every address
   */
  otlpNamespace?: string;
}

/** Arguments of Integration: everything, in one object. */
export interface IntegrationArgs {
  /** Azure region, `westeurope`. Changing this replaces the bus and loses every message. */
  location: pulumi.Input<string>;
  /** The resource group of bus and identities. */
  resourceGroup: ResourceGroupArgs;
  /** The Kubernetes cluster. */
  cluster: ClusterArgs;
  /** The Kubernetes namespace of the workers. */
  namespace: NamespaceArgs;
  /** The worker's image, by digest: `registry.example/stowage-worker@sha256:…`. */
  image: string;
  /** The Service Bus namespace and its entities. */
  serviceBus: ServiceBusEntitiesArgs;
  /** The pipelines, by name. */
  pipelines: { [name: string]: IntegrationPipelineArgs };
  /**
   * Principals that exist and may publish, by name: 1 to 40 lower-case letters, digits or `-`. With shared access keys
   * off, which is the default, nobody else can.
   * @default nobody
   */
  producers?: { [name: string]: ProducerArgs };
  /**
   * Identities that pipelines run `pulumi up` as, by name: 1 to 40 lower-case letters, digits or `-`.
   * @default none
   */
  deployers?: { [name: string]: DeployerArgs };
  /** The stores that are made here. */
  storage?: StorageArgs;
  /** Where the stores are reached, in place of what follows from `storage`. */
  endpoints?: EndpointsArgs;
  /** Where the operators come from. */
  operators?: OperatorsArgs;
  /**
   * Who reads the workers' metrics.
   * @default nobody
   */
  monitoring?: WorkerMonitoringArgs;
  /**
   * Where the workers send traces and metrics by OTLP.
   * @default nowhere
   */
  telemetry?: WorkerTelemetryArgs;
  /**
   * Which addresses the workers reach.
   * @default every address on the ports of bus and Entra ID, the stores made here, and the cluster's own resolvers
   */
  network?: IntegrationNetworkArgs;
  /**
   * True where the bus is a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity.
   * For development on one machine; never in Azure.
   * @default false
   */
  developmentEmulator?: boolean;
  /**
   * False where Microsoft's instance discovery does not know the authority that the workers get tokens from (Azure
   * Stack, a disconnected cloud, the local environment): it is then taken as it is, and Microsoft is not asked.
   * @default true
   */
  instanceDiscovery?: boolean;
  /** Tags of every Azure resource that takes them. */
  tags?: { [name: string]: string };
}
