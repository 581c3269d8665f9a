import type * as pulumi from "@pulumi/pulumi";

/** Storage hosts on Azure, the plan of their volumes, and how a pod sees them. */
export interface GlusterClusterArgs {
  /** Resource group of hosts, disks and network security. Changing it replaces all of them: the data is lost. */
  resourceGroupName: pulumi.Input<string>;
  /** Azure region; that of the resource group where it is left out. Changing it replaces hosts and disks. */
  location?: pulumi.Input<string>;
  /**
   * Id of the subnet that the hosts' network interfaces join. It is adopted, never created here. Azure refuses to move
   * an interface to another virtual network.
   */
  subnetId: pulumi.Input<string>;
  /** Address range of that subnet, `10.20.1.0/24`: brick and management ports are open to it. */
  storageCidr: string;
  /**
   * Address ranges that mount volumes, the cluster's node subnet among them: brick and management ports are
   * open to them. With `access.nodeMount` a mount comes from the address of the node.
   */
  clientCidrs: string[];
  /** Address ranges that may log in over SSH. @default none: port 22 is closed */
  sshCidrs?: string[];
  /** Size of the hosts, `Standard_D4s_v5`. Changing it restarts one host after another. */
  vmSize: pulumi.Input<string>;
  /** Image of the hosts' system disk. Changing it replaces the hosts; brick disks stay. */
  image: GlusterImageArgs;
  /** Size of the system disk in GiB, 30 to 2048. It only grows, and Azure wants the host stopped for it. @default 64 */
  osDiskSizeGb?: number;
  /** Administrator that the SSH key belongs to. There is no password. Changing it replaces the hosts. @default "stowage" */
  adminUsername?: string;
  /** The administrator's public key in OpenSSH form, `ssh-ed25519 …` or `ssh-rsa …`. Changing it replaces the hosts. */
  sshPublicKey: pulumi.Input<string>;
  /**
   * Secure boot and virtual TPM; needs a generation 2 image. Changing it replaces the hosts.
   * @default true
   */
  trustedLaunch?: boolean;
  /**
   * The hosts, by name: 1 to 20 lower-case letters, digits or `-`. A host is known by its key: renaming one
   * replaces it and its disks. Removing one is refused while a volume has a brick on it.
   */
  hosts: { [host: string]: GlusterHostArgs };
  /** The volumes, by name: 1 to 24 lower-case letters, digits or `-`. A volume is known by its key: renaming one loses its data. */
  volumes: { [volume: string]: GlusterVolumeArgs };
  /** How pods of a Kubernetes cluster see the volumes. @default not at all: only hosts are provisioned */
  access?: GlusterAccessArgs;
  /** Protects brick disks: Pulumi refuses to delete or replace them until it is set to false. @default true */
  protectData?: boolean;
  /** Tags of every Azure resource. */
  tags?: { [key: string]: pulumi.Input<string> };
}

/** An image of the marketplace, or one of a gallery. Give `id`, or `publisher`, `offer`, `sku` and `version`. */
export interface GlusterImageArgs {
  /** Id of a gallery image version. */
  id?: pulumi.Input<string>;
  /** Publisher, `Debian`. */
  publisher?: pulumi.Input<string>;
  /** Offer, `debian-12`. */
  offer?: pulumi.Input<string>;
  /** Sku, `12-gen2`. */
  sku?: pulumi.Input<string>;
  /** Exact version. There is no default, since "latest" drifts between hosts. */
  version?: string;
}

/** One storage host. */
export interface GlusterHostArgs {
  /** Availability zone, "1", "2" or "3". Changing it replaces the host and its brick disks: their copies are lost. */
  zone: string;
  /** Static address in the subnet. @default one that Azure assigns, and that lasts as long as the network interface */
  privateAddress?: string;
}

/** Kinds of managed disks for bricks. */
export const GlusterDiskSku = {
  Premium: "Premium_LRS",
  PremiumV2: "PremiumV2_LRS",
  StandardSsd: "StandardSSD_LRS",
} as const;
export type GlusterDiskSku = (typeof GlusterDiskSku)[keyof typeof GlusterDiskSku];

/** One volume: replica sets of bricks, each brick a managed disk of its own. */
export interface GlusterVolumeArgs {
  /**
   * Full copies of each file: 3, or 2 with `arbiter: 1`, or 1 for data that may be lost. 2 without an arbiter is
   * refused: such a volume splits its brain. It cannot be changed on a volume that exists.
   * @default 3
   */
  replicas?: number;
  /** Arbiter bricks of a replica set, 0 or 1: names and attributes without content, for quorum. @default 0 */
  arbiter?: number;
  /**
   * The host of each brick, in Gluster's order: each run of `replicas + arbiter` entries is one replica set, the last
   * of a run its arbiter. Their number is a multiple of `replicas + arbiter`, and a set's hosts differ. Bricks
   * are added at the end, a whole set at a time; any other change is refused, since the order is the placement.
   */
  bricks: string[];
  /** Size of a data brick's disk in GiB, 4 to 32767; the volume holds as much as its replica sets together. It only grows. */
  brickSizeGb: number;
  /** Size of an arbiter brick's disk in GiB, 4 to 32767. It only grows. @default a sixteenth of `brickSizeGb`, at least 4 */
  arbiterSizeGb?: number;
  /** Kind of disk. Azure refuses a change to or from PremiumV2 on disks that exist. @default "Premium_LRS" */
  diskSku?: GlusterDiskSku;
  /**
   * First LUN of this volume's disks on each host, 0 to 63; a host's further bricks take the next ones. Two
   * volumes must not overlap; leave room for bricks to come: 0, 8, 16. It cannot be changed.
   * @default 0
   */
  firstLun?: number;
}

/** How a pod sees the volumes: exactly one of `nodeMount` and `csi`. */
export interface GlusterAccessArgs {
  /** Kubernetes namespace of the claims: that of the pods that use them. It is adopted. Changing it replaces the claims, not the data. */
  claimNamespace: pulumi.Input<string>;
  /** A DaemonSet of this component mounts each volume on every node over FUSE. */
  nodeMount?: GlusterNodeMountArgs;
  /** The CSI driver of a cluster outside mounts them. */
  csi?: GlusterCsiArgs;
}

/** The node-level mount: privileged containers, one DaemonSet a volume, in a namespace of their own. */
export interface GlusterNodeMountArgs {
  /** Image with a GlusterFS client and a shell, by digest: `registry/name@sha256:…`. */
  image: pulumi.Input<string>;
  /** Namespace of the DaemonSets. @default "stowage-gluster" */
  namespace?: string;
  /**
   * True creates the namespace, labelled for privileged pods; false adopts one that is there.
   * @default true
   */
  createNamespace?: boolean;
  /** Labels of the nodes that mount. @default every Linux node */
  nodeSelector?: { [label: string]: string };
}

/** A CSI driver that is installed already. */
export interface GlusterCsiArgs {
  /** Its name, `org.gluster.glusterfs`. */
  driver: string;
  /** What the driver is told of each volume, by the volume's name. */
  volumes: { [volume: string]: GlusterCsiVolumeArgs };
}

/** One volume as a CSI driver knows it. */
export interface GlusterCsiVolumeArgs {
  /** The driver's handle of the volume. */
  volumeHandle: pulumi.Input<string>;
  /** The driver's attributes of the volume; no secret belongs here. */
  volumeAttributes?: { [key: string]: pulumi.Input<string> };
}

/** The plan of one volume, as `gluster volume create` wants it. */
export interface GlusterVolumePlan {
  /** Name of the volume. */
  name: string;
  /** Full copies of each file. */
  replicas: number;
  /** Arbiters of a replica set, 0 or 1. */
  arbiter: number;
  /** GiB that the volume holds: brick size times replica sets. */
  capacityGb: number;
  /** The bricks in Gluster's order. */
  bricks: GlusterBrickPlan[];
}

/** One brick of a plan. */
export interface GlusterBrickPlan {
  /** Key of the brick in the cluster, `<host>_<volume>_<n>`: n counts the host's bricks of that volume, from 0. */
  key: string;
  /** Its host. */
  host: string;
  /** The host's zone. */
  zone: string;
  /** Number of its replica set, from 0. */
  replicaSet: number;
  /** True for an arbiter. */
  arbiter: boolean;
  /** LUN that its disk is attached at. */
  lun: number;
  /** Size of its disk in GiB. */
  sizeGb: number;
  /** Kind of its disk. */
  diskSku: GlusterDiskSku;
  /** Its folder on the host, below the mount of its disk: an unmounted disk is never written to. */
  path: string;
}
