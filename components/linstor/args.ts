import type * as pulumi from "@pulumi/pulumi";

/** A LINSTOR cluster under the Piraeus operator: controller, satellites with their pools, storage classes. */
export interface LinstorClusterArgs {
  /** Namespace of the Piraeus operator, where the controller's service is. The operator is adopted. */
  namespace: pulumi.Input<string>;
  /** Name of the LinstorCluster object; the operator knows one a cluster. Changing it replaces it. @default "linstorcluster" */
  clusterName?: string;
  /**
   * URL of a controller that runs elsewhere, `http://10.0.0.4:3370`: the operator then runs satellites and the
   * CSI driver only. @default the operator runs the controller
   */
  externalControllerUrl?: pulumi.Input<string>;
  /** Labels of the nodes that LINSTOR components run on. @default every node */
  nodeSelector?: { [label: string]: string };
  /** Properties of the controller, `DrbdOptions/Net/ping-timeout`. */
  controllerProperties?: { [name: string]: string };
  /** Secret in the operator's namespace with the master passphrase for encrypted volumes. @default none */
  passphraseSecret?: string;
  /** TLS between controller and satellites. @default off */
  internalTls?: LinstorTlsArgs;
  /** Sets of satellites, by name (a DNS label): nodes with the same disks and pools. Removing one removes its pools from LINSTOR. */
  satellites: { [set: string]: LinstorSatelliteSetArgs };
  /** Resource groups, by LINSTOR name: 2 to 48 letters, digits, `_` or `-`, the first a letter or `_`. */
  resourceGroups: { [group: string]: LinstorResourceGroupArgs };
  /** Storage classes, by name (a DNS subdomain). */
  storageClasses?: { [name: string]: LinstorStorageClassArgs };
  /** Protects cluster and satellite sets: Pulumi refuses to delete or replace them until it is set to false. @default true */
  protectData?: boolean;
}

/** Where certificates come from: an issuer of cert-manager, or two secrets that are there. */
export interface LinstorTlsArgs {
  /** Issuer of cert-manager in the operator's namespace; goes without the two secrets. */
  issuerName?: string;
  /** Kind of the issuer. @default "Issuer" */
  issuerKind?: LinstorIssuerKind;
  /** Secret with the controller's certificate; goes with `satelliteSecretName`. */
  controllerSecretName?: string;
  /** Secret with the certificate that every satellite uses; goes with `controllerSecretName`. */
  satelliteSecretName?: string;
}

/** Kinds of issuers of cert-manager. */
export const LinstorIssuerKind = { Issuer: "Issuer", ClusterIssuer: "ClusterIssuer" } as const;
export type LinstorIssuerKind = (typeof LinstorIssuerKind)[keyof typeof LinstorIssuerKind];

/** Nodes with the same pools. */
export interface LinstorSatelliteSetArgs {
  /** How many nodes the selector finds, 1 to 1000: replica counts are checked against it. A node belongs to one set. */
  nodes: number;
  /**
   * Zones that its nodes are in, by the value of the node label topology.kubernetes.io/zone: `["westeurope-1"]`.
   * Groups that spread over zones are checked against it. @default unknown
   */
  zones?: string[];
  /** Labels of its nodes. @default every node */
  nodeSelector?: { [label: string]: string };
  /** Storage pools of each node, by LINSTOR name: 3 to 48 letters, digits, `_` or `-`, the first a letter or `_`. */
  storagePools: { [pool: string]: LinstorStoragePoolArgs };
  /** LINSTOR properties of each node, `PrefNic`. */
  properties?: { [name: string]: string };
}

/** Kinds of storage pools. */
export const LinstorPoolKind = {
  Lvm: "lvm",
  LvmThin: "lvmThin",
  Zfs: "zfs",
  ZfsThin: "zfsThin",
  File: "file",
  FileThin: "fileThin",
} as const;
export type LinstorPoolKind = (typeof LinstorPoolKind)[keyof typeof LinstorPoolKind];

/** One storage pool. Its kind and what it lies on cannot be changed: make a new pool and move the volumes. */
export interface LinstorStoragePoolArgs {
  /** What the pool lies on; it cannot change while the pool has volumes. */
  kind: LinstorPoolKind;
  /** LVM volume group; for lvm and lvmThin. @default the operator's: `linstor_<pool>` for lvmThin, the pool's name for lvm */
  volumeGroup?: string;
  /** LVM thin pool within the volume group; for lvmThin. @default the pool's name */
  thinPool?: string;
  /** ZFS pool; for zfs and zfsThin. @default the pool's name */
  zPool?: string;
  /** Folder on the node; for file and fileThin. @default "/var/lib/linstor-pools/<pool>" */
  directory?: string;
  /** Block devices that the pool is made of when it is not there, `/dev/disk/azure/scsi1/lun0`. They are erased. @default none: the pool exists */
  hostDevices?: string[];
}

/** How the volumes of a group are placed. A worker's sink or the CSI driver creates the group when it first needs it. */
export interface LinstorResourceGroupArgs {
  /** Replicas, 1 to 32 and at most the nodes that have the pool. Changing it re-places every volume of the group. */
  placeCount: number;
  /** Storage pool, one of the satellites'. */
  storagePool: string;
  /** True puts each replica into a zone of its own, by the node label topology.kubernetes.io/zone. @default false */
  spreadZones?: boolean;
}

/** What becomes of a volume whose claim is deleted. */
export const LinstorReclaimPolicy = { Retain: "Retain", Delete: "Delete" } as const;
export type LinstorReclaimPolicy = (typeof LinstorReclaimPolicy)[keyof typeof LinstorReclaimPolicy];

/** When a volume is placed: with the first pod, so that a replica is near it, or with the claim. */
export const LinstorBindingMode = { WaitForFirstConsumer: "WaitForFirstConsumer", Immediate: "Immediate" } as const;
export type LinstorBindingMode = (typeof LinstorBindingMode)[keyof typeof LinstorBindingMode];

/** File systems of the CSI driver. */
export const LinstorFileSystem = { Ext4: "ext4", Xfs: "xfs" } as const;
export type LinstorFileSystem = (typeof LinstorFileSystem)[keyof typeof LinstorFileSystem];

/** One storage class. All but `allowExpansion` cannot be changed: Kubernetes replaces the class, volumes stay. */
export interface LinstorStorageClassArgs {
  /** Resource group of its volumes, a key of `resourceGroups`. */
  resourceGroup: string;
  /** Whether pods on nodes without a replica may use a volume over the network. @default true */
  remoteAccess?: boolean;
  /** When a volume is placed. Changing it replaces the storage class, not the volumes. @default "WaitForFirstConsumer" */
  bindingMode?: LinstorBindingMode;
  /** "Delete" deletes a volume's data with its claim. @default "Retain" */
  reclaimPolicy?: LinstorReclaimPolicy;
  /** File system that a new volume is formatted with. @default "ext4" */
  fileSystem?: LinstorFileSystem;
  /** Whether claims may grow. @default true */
  allowExpansion?: boolean;
}

/** A resource group as the worker's sink needs it. */
export interface LinstorResourceGroupPlan {
  /** Replicas. */
  placeCount: number;
  /** Storage pool. */
  storagePool: string;
  /** Node properties in which replicas differ; empty where they may be anywhere. */
  replicasOnDifferent: string[];
}
