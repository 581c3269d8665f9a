import type * as pulumi from "@pulumi/pulumi";

/** Azure Managed Instance for Apache Cassandra: one cluster and its datacenters. */
export interface ManagedCassandraArgs {
  /** Resource group. It is adopted. Changing it replaces the cluster: the data is lost. */
  resourceGroupName: pulumi.Input<string>;
  /** Azure region of the cluster's management, `westeurope`. */
  location: pulumi.Input<string>;
  /**
   * Name of the cluster in Azure and in Cassandra: 1 to 100 letters, digits or `-`, none at the ends or twice in a row.
   * Changing it replaces the cluster: the data is lost.
   */
  clusterName: string;
  /** Release of Cassandra, `5.0`; Azure keeps its patches. It can be raised. */
  cassandraVersion: string;
  /** Id of the subnet of the cluster's management, delegated to the service; it must reach every datacenter's subnet. */
  managementSubnetId: pulumi.Input<string>;
  /**
   * Password of the role `cassandra` until you change it, once the cluster is there. A secret of Pulumi
   * (`config.requireSecret("…")`), which the state keeps encrypted; a plain text is refused. Changing it has no effect.
   */
  initialAdminPassword: pulumi.Input<string>;
  /** The datacenters by name, each 1 to 100 letters, digits or `-`. One that is taken away loses its copies. */
  datacenters: { [name: string]: ManagedDatacenterArgs };
  /** True where Azure repairs the ring. @default true */
  repair?: boolean;
  /** True stops every node and keeps its disks; false starts them again. @default false */
  stopped?: boolean;
  /** Protects cluster and datacenters: Pulumi refuses to delete or replace them until it is set to false. @default true */
  protectData?: boolean;
  /** Tags of the cluster. */
  tags?: { [name: string]: string };
}

/** A datacenter of a managed cluster. */
export interface ManagedDatacenterArgs {
  /** Id of the subnet of its nodes, delegated to the service, in its region. It cannot be changed. */
  subnetId: pulumi.Input<string>;
  /** Its region. It cannot be changed. @default that of the cluster */
  location?: pulumi.Input<string>;
  /** Nodes, 3 to 1000. */
  nodes: number;
  /** Machines of the nodes, `Standard_E8s_v5`. @default Azure's own */
  sku?: string;
  /** Disks of each node, 1 to 32. It can be raised. @default 4, Azure's own */
  disks?: number;
  /** True spreads the nodes over the zones of the region, where it has some. It cannot be changed. @default true */
  availabilityZones?: boolean;
}
