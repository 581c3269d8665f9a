import type * as pulumi from "@pulumi/pulumi";

/** The operator whose object is rendered. */
export const CassandraOperator = {
  /** k8ssandra-operator: a K8ssandraCluster, the place for repair and backup. */
  K8ssandra: "k8ssandra",
  /** cass-operator alone: a CassandraDatacenter, for minimal installs. */
  CassOperator: "cass-operator",
} as const;
export type CassandraOperator = (typeof CassandraOperator)[keyof typeof CassandraOperator];

/** One datacenter of a Cassandra cluster, its racks on zones. */
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
  /** Exact version of Apache Cassandra, `5.0.5`. There is no default, since it would drift. */
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
}

/** One rack. */
export interface CassandraRackArgs {
  /** Name, a DNS label of 2 to 20 characters, unique in the datacenter. */
  name: string;
  /** Value of the node label topology.kubernetes.io/zone, `westeurope-1`. @default none: the rack's nodes may be anywhere */
  zone?: string;
}

/** Whether one keyspace still answers at one consistency level after a loss. */
export interface CassandraSurvival {
  /** The keyspace. */
  keyspace: string;
  /** Its replicas in the datacenter. */
  replicas: number;
  /** Consistency level, by Cassandra's name. */
  consistency: string;
  /** Answers of replicas that it waits for. */
  needed: number;
  /** Nodes, any of them, that may be lost at once. */
  nodes: number;
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
