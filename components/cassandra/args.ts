import type * as pulumi from "@pulumi/pulumi";

/** The operator whose object is rendered. */
export const CassandraOperator = {
  /** k8ssandra-operator: a K8ssandraCluster, the place for repair and backup. */
  K8ssandra: "k8ssandra",
  /** cass-operator alone: a CassandraDatacenter, for minimal installs. */
  CassOperator: "cass-operator",
} as const;
export type CassandraOperator = (typeof CassandraOperator)[keyof typeof CassandraOperator];

/** When a node tells the client that a write is there. */
export const CommitLogSync = {
  /** After its commit log is on disk; writes of a millisecond, or of the disk's own fsync where it takes longer, share one. */
  Group: "group",
  /** At once, its commit log is on disk within ten seconds: nodes that lose power together lose what they acknowledged. */
  Periodic: "periodic",
} as const;
export type CommitLogSync = (typeof CommitLogSync)[keyof typeof CommitLogSync];

/** A Cassandra cluster, its racks on zones, and its further datacenters. */
export interface CassandraRingArgs {
  /** Namespace of the ring; the operator watches it. It is adopted. Changing it replaces the ring: the data is lost. */
  namespace: pulumi.Input<string>;
  /** The operator, which is installed already. Changing it replaces the ring: the data is lost. @default "k8ssandra" */
  operator?: CassandraOperator;
  /**
   * Cassandra's cluster name: 2 to 40 letters, digits, `_` or `-`, the first a letter. It is written on every node's
   * disk and cannot be changed.
   */
  clusterName: string;
  /** Name of the datacenter, a DNS label of 2 to 20 characters, `dc1`. It cannot be changed. */
  datacenter: string;
  /**
   * The racks, in order. One may be added at the end, together with its nodes; none can be removed, renamed or
   * moved, since the names are written into the ring and the nodes of a missing rack would be lost.
   */
  racks: CassandraRackArgs[];
  /** Nodes of the datacenter, 1 to 1000, a multiple of the racks. Lowering it decommissions nodes one by one. */
  size: number;
  /** Exact version of Apache Cassandra, `5.0.5`, from 4.1.0. There is no default, since it would drift. */
  serverVersion: string;
  /** Storage class of the nodes' disks. It cannot be changed. */
  storageClass: pulumi.Input<string>;
  /** Size of a node's disk in GiB, 1 to 32767. It cannot be changed: the operator refuses it, shrinking would lose data. */
  storageGib: number;
  /** Java heap of a node in MiB, 256 to 65536, less than `memoryMib`. Changing it restarts one node after another. */
  heapMib: number;
  /** Memory of a node in MiB, requested and limited, 512 to 1048576. */
  memoryMib: number;
  /** CPUs that a node requests, 0.1 to 128; there is no limit, so that compaction is not throttled. */
  cpus: number;
  /** Tokens of a node, 1 to 256. It cannot be changed on a ring that exists. @default 16 */
  numTokens?: number;
  /** Replicas of each keyspace in this datacenter, 1 to `size`: `{ telemetry: 3 }`. What survives is planned from it. */
  replication: { [keyspace: string]: number };
  /** Several Cassandra nodes on one Kubernetes node: a lost machine then takes several replicas. It cannot be changed. @default false */
  allowSharedHosts?: boolean;
  /** True stops every node and keeps its disk; false starts them again. @default false */
  stopped?: boolean;
  /** Protects the ring: Pulumi refuses to delete or replace it until it is set to false. @default true */
  protectData?: boolean;
  /**
   * True where every client needs a role and its password, and may do only what that role is granted. The operator
   * generates the superuser and its password in the cluster. Switching it on or off restarts one node after another.
   * @default true
   */
  authentication?: boolean;
  /**
   * Name of a secret in the ring's namespace with the keys `username` and `password`, where the superuser is to be one of
   * your own. It is adopted.
   * @default a superuser that the operator generates, in the secret `<clusterName>-superuser`
   */
  superuserSecret?: string;
  /**
   * How often the passwords of pipelines' roles change, as a schedule can say it: 1d, 7d, 30d, 60d, 90d, 120d, 180d or 365d.
   * @default "30d"
   */
  rotation?: string;
  /**
   * True where there is a role `stowage_reader` that may select from pipelines' tables and do nothing else; its password
   * stands in the secret `<clusterName>-reader` of the ring's namespace.
   * @default false
   */
  reader?: boolean;
  /**
   * True where clients and nodes speak TLS only, with certificates by cert-manager, which is in the cluster already. It
   * cannot be switched on a ring that exists without a pause: nodes with and without it do not understand each other.
   * @default true
   */
  tls?: boolean;
  /**
   * cert-manager's issuer of the nodes' certificates, one that gives the authority's own certificate with each (a CA or
   * Vault). It is adopted. Rings of one cluster that are made apart need one authority.
   * @default an authority of the ring's own
   */
  issuer?: CassandraIssuerArgs;
  /**
   * The worker's image by digest, `registry.example/stowage-worker@sha256:…`. A job of the ring generates the password of
   * its key stores with it; needed with `tls` under k8ssandra-operator.
   */
  image?: string;
  /** When a write is acknowledged. @default "group" */
  commitLogSync?: CommitLogSync;
  /**
   * How far ahead of a node's clock the timestamp of a write may be; the node refuses what is further. It must be longer
   * than every table's `maxFutureSkew`, 5m unless said otherwise, by at least the minute that clocks may differ. 1m to
   * 365d; only with Cassandra 5.0 and later, and not for superusers.
   * @default "10m"
   */
  maxTimestampSkew?: string;
  /** Repairs, by Reaper; only under k8ssandra-operator. @default every 7 days */
  repair?: CassandraRepairArgs;
  /** Backups to Azure Blob Storage, by Medusa; only under k8ssandra-operator. @default none */
  backup?: CassandraBackupArgs;
  /** Snapshots of the nodes' disks, by their CSI driver. @default none */
  snapshots?: CassandraSnapshotArgs;
  /** Who reads the nodes' metrics. @default nobody */
  monitoring?: CassandraMonitoringArgs;
  /**
   * Context of the Kubernetes cluster of the datacenter, by the operator's ClientConfigs; only under k8ssandra-operator.
   * @default the cluster of the operator
   */
  k8sContext?: string;
  /**
   * Further datacenters of the same ring under the same k8ssandra-operator, each in a Kubernetes cluster of its own or
   * beside the first. Adding one makes a new datacenter, whose data streams to it once keyspaces are replicated there;
   * one that is taken away loses its copies.
   * @default none
   */
  otherDatacenters?: CassandraDatacenterArgs[];
  /**
   * Datacenters of the same ring that are made elsewhere: by another program, in another cluster without a common
   * operator, or on machines. They count for quorums.
   * @default none
   */
  externalDatacenters?: CassandraExternalDatacenterArgs[];
  /**
   * Addresses or hosts of nodes of `externalDatacenters`, of which new nodes learn the ring. Both clusters' networks must
   * reach each other's pods on port 7000, and with TLS both must have one `issuer`.
   * @default none
   */
  seeds?: pulumi.Input<pulumi.Input<string>[]>;
}

/** Kinds of cert-manager's issuers. */
export const CassandraIssuerKind = {
  /** In the ring's namespace. */
  Issuer: "Issuer",
  /** Of the whole Kubernetes cluster. */
  ClusterIssuer: "ClusterIssuer",
} as const;
export type CassandraIssuerKind = (typeof CassandraIssuerKind)[keyof typeof CassandraIssuerKind];

/** An issuer of cert-manager that exists. */
export interface CassandraIssuerArgs {
  /** Its name. */
  name: string;
  /** Its kind. @default "Issuer" */
  kind?: CassandraIssuerKind;
}

/** A further datacenter. What is not said here is as in the first. */
export interface CassandraDatacenterArgs {
  /** Name, a DNS label of 2 to 20 characters, unique in the ring. It cannot be changed. */
  name: string;
  /**
   * Context of its Kubernetes cluster, by the operator's ClientConfigs.
   * @default the cluster of the operator
   */
  k8sContext?: string;
  /** Its racks; the rules of the first datacenter's hold. */
  racks: CassandraRackArgs[];
  /** Its nodes, 1 to 1000, a multiple of its racks. */
  size: number;
  /** Replicas of each keyspace in it, 0 to `size`; a keyspace that is not named has none there. */
  replication: { [keyspace: string]: number };
  /** Storage class of its nodes' disks. @default that of the first datacenter */
  storageClass?: pulumi.Input<string>;
  /** True stops every node of it and keeps its disk. @default false */
  stopped?: boolean;
}

/** A datacenter that is made elsewhere. */
export interface CassandraExternalDatacenterArgs {
  /** Cassandra's name of it. */
  name: string;
  /** Replicas of each keyspace in it, 0 to 1000. */
  replication: { [keyspace: string]: number };
}

/**
 * Repairs. A deletion that a replica missed must reach it before the tombstone is dropped, after the table's `gcGrace`;
 * otherwise the deleted row is back. So a run must begin and end within it.
 */
export interface CassandraRepairArgs {
  /** False leaves repairs to somebody else. @default true */
  enabled?: boolean;
  /** Time from the beginning of one run over a keyspace to the next, in whole days, 1d to 90d. @default "7d" */
  interval?: string;
  /** How long a run may take, 1h to 30d; it is planned with, and Reaper does not enforce it. @default "2d" */
  longestRun?: string;
  /** True repairs only what came since the last run. @default false */
  incremental?: boolean;
  /**
   * Shortest `gcGrace` of the tables of each keyspace, against which the schedule is checked at preview; an Integration
   * gives those of its pipelines' tables.
   * @default "10d" each, Cassandra's own
   */
  gcGrace?: { [keyspace: string]: string };
}

/** Backups by Medusa to Azure Blob Storage. */
export interface CassandraBackupArgs {
  /** Container for the backups, of its own or shared with other rings. It is adopted. */
  container: string;
  /** Prefix of this ring's backups within the container. @default the cluster's name */
  prefix?: string;
  /**
   * Name of a secret in the ring's namespace with the key `credentials`: `{"storage_account": …, "key": …}`, in JSON, as
   * Medusa reads it. It is yours, and so is its rotation. There is no way without: k8ssandra-operator takes workload
   * identity for S3 alone.
   */
  credentialsSecret?: string;
  /**
   * Name of a secret in the ring's namespace with the keys `rootca.crt`, `client.crt_signed` and `client.key`, as Medusa
   * reads them: how it speaks TLS to its node. It is yours; needed with `tls`.
   */
  certificatesSecret?: string;
  /** When, in UTC, five fields as of cron. @default "0 1 * * *" */
  schedule?: string;
  /** Backups that are kept, 1 to 1000; older ones are purged. @default 7 */
  keep?: number;
}

/** Snapshots of the nodes' disks. */
export interface CassandraSnapshotArgs {
  /** CSI driver of the storage class. @default "disk.csi.azure.com" */
  driver?: string;
  /** Parameters of the driver, `{ incremental: "true" }`. @default the driver's own */
  parameters?: { [name: string]: string };
  /**
   * Names of the snapshots that there shall be, each 1 to 40 lower-case letters, digits or `-`: adding one takes a
   * snapshot of every disk of the ring as it is then, taking one away gives it up. What the storage holds is kept even so.
   * Nodes that come later are added to every snapshot that there is, so take names away before `size` changes.
   * @default none
   */
  names?: string[];
}

/** Who reads the metrics. */
export interface CassandraMonitoringArgs {
  /** Seconds between two readings, 5 to 300. @default 30 */
  intervalSeconds?: number;
  /** Labels by which a Prometheus chooses its monitors, `{ release: "prometheus" }`. @default none */
  labels?: { [name: string]: string };
  /** API group of the monitor: that of Azure Monitor's managed Prometheus is `azmonitoring.coreos.com`. @default "monitoring.coreos.com" */
  apiGroup?: CassandraMonitorGroup;
}

/** API groups of a PodMonitor. */
export const CassandraMonitorGroup = {
  /** Prometheus Operator's own. */
  Prometheus: "monitoring.coreos.com",
  /** Azure Monitor's managed Prometheus. */
  AzureMonitor: "azmonitoring.coreos.com",
} as const;
export type CassandraMonitorGroup = (typeof CassandraMonitorGroup)[keyof typeof CassandraMonitorGroup];

/** One rack. */
export interface CassandraRackArgs {
  /** Name, a DNS label of 2 to 20 characters, unique in the datacenter. */
  name: string;
  /** Value of the node label topology.kubernetes.io/zone, `westeurope-1`. @default none: the rack's nodes may be anywhere */
  zone?: string;
}

/** Whether one keyspace still answers at one consistency level, asked in the first datacenter, after a loss. */
export interface CassandraSurvival {
  /** The keyspace. */
  keyspace: string;
  /** Its replicas in all datacenters. */
  replicas: number;
  /** Consistency level, by Cassandra's name. */
  consistency: string;
  /** Answers of replicas that it waits for, in all datacenters. */
  needed: number;
  /** Nodes, any of them, that may be lost at once. */
  nodes: number;
  /** True where there are several datacenters, and the loss of any one but that of the client is survived. */
  anyOtherDatacenter: boolean;
  /** Datacenters other than the client's whose loss is not survived. */
  fatalDatacenters: string[];
  /** True where the loss of any one rack is survived. */
  anyRack: boolean;
  /** Racks whose loss is not survived. */
  fatalRacks: string[];
  /** True where every rack has a zone and the loss of any one of the zones is survived. */
  anyZone: boolean;
  /** Zones whose loss is not survived. */
  fatalZones: string[];
  /** The same as a sentence. */
  sentence: string;
}
