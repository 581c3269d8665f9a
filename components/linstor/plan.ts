import {
  LinstorBindingMode,
  type LinstorClusterArgs,
  LinstorFileSystem,
  LinstorPoolKind,
  LinstorReclaimPolicy,
  type LinstorResourceGroupPlan,
  type LinstorSatelliteSetArgs,
  type LinstorStorageClassArgs,
  type LinstorStoragePoolArgs,
} from "./args.js";

/** Node label of Kubernetes that names the zone. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";
/** The node property that the operator and the CSI driver keep that label in. */
export const ZONE_PROPERTY = `Aux/topology/${ZONE_LABEL}`;
/** Driver, and prefix of a storage class's parameters. */
export const CSI_DRIVER = "linstor.csi.linbit.com";

/** A property of nodes: text, or the value of a field of the Kubernetes node. */
export interface NodeProperty {
  name: string;
  value?: string;
  optional?: boolean;
  valueFrom?: { nodeFieldRef: string };
}

/** One storage pool in the words of the operator's object. */
export interface PoolSpec {
  name: string;
  source?: { hostDevices: string[] };
  [kind: string]: unknown;
}

/** Where a kind of pool says what it lies on: its key in the operator's object, and the settings that it takes. */
export const POOL_KINDS: {
  [kind in LinstorPoolKind]: { key: string; takes: (keyof LinstorStoragePoolArgs)[] };
} = {
  [LinstorPoolKind.Lvm]: { key: "lvmPool", takes: ["volumeGroup", "hostDevices"] },
  [LinstorPoolKind.LvmThin]: { key: "lvmThinPool", takes: ["volumeGroup", "thinPool", "hostDevices"] },
  [LinstorPoolKind.Zfs]: { key: "zfsPool", takes: ["zPool", "hostDevices"] },
  [LinstorPoolKind.ZfsThin]: { key: "zfsThinPool", takes: ["zPool", "hostDevices"] },
  [LinstorPoolKind.File]: { key: "filePool", takes: ["directory"] },
  [LinstorPoolKind.FileThin]: { key: "fileThinPool", takes: ["directory"] },
};

/** The nodes and zones that have a pool. */
export interface PoolReach {
  nodes: number;
  /** Undefined where a set that has the pool does not say its zones. */
  zones: string[] | undefined;
}

/** Nodes and zones that have the pool, over all sets. */
export function reachOf(pool: string, satellites: { [set: string]: LinstorSatelliteSetArgs }): PoolReach {
  const sets = Object.values(satellites).filter((set) => pool in set.storagePools);
  const nodes = sets.reduce((sum, set) => sum + set.nodes, 0);
  const zones = sets.flatMap((set) => set.zones ?? []);
  return { nodes, zones: sets.every((set) => set.zones !== undefined) ? [...new Set(zones)] : undefined };
}

/** The names of all pools, each once, in the order in which they are given. */
export function poolNames(satellites: { [set: string]: LinstorSatelliteSetArgs }): string[] {
  return [...new Set(Object.values(satellites).flatMap((set) => Object.keys(set.storagePools)))];
}

/** One pool for the operator. Settings that are left out are the operator's to choose, by the pool's name. */
export function planPool(name: string, pool: LinstorStoragePoolArgs): PoolSpec {
  const { kind, hostDevices, ...lies } = pool;
  const source = hostDevices === undefined ? {} : { source: { hostDevices } };
  return { name, [POOL_KINDS[kind].key]: lies, ...source };
}

/** The properties of a set's nodes, the zone of each among them, which replicas are spread by. */
export function planProperties(set: LinstorSatelliteSetArgs): NodeProperty[] {
  const zone = {
    name: ZONE_PROPERTY,
    // A node without the label still joins; it is in no zone.
    optional: true,
    valueFrom: { nodeFieldRef: `metadata.labels['${ZONE_LABEL}']` },
  };
  return [zone, ...namedValues(set.properties)];
}

/** A map as the list of names and values that the operator's objects have, in the order of names. */
export function namedValues(values: { [name: string]: string } = {}): { name: string; value: string }[] {
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}

/** The resource groups as the CSI driver and a worker's sink create them. */
export function planGroups(args: LinstorClusterArgs): { [group: string]: LinstorResourceGroupPlan } {
  return Object.fromEntries(
    Object.entries(args.resourceGroups).map(([name, { placeCount, storagePool, spreadZones }]) => [
      name,
      { placeCount, storagePool, replicasOnDifferent: spreadZones === true ? [ZONE_PROPERTY] : [] },
    ]),
  );
}

/** One storage class, as Kubernetes takes it. */
export interface ClassPlan {
  parameters: { [name: string]: string };
  reclaimPolicy: string;
  volumeBindingMode: string;
  allowVolumeExpansion: boolean;
}

/** A storage class; it repeats the settings of its group, which the driver creates with the first claim. */
export function planClass(settings: LinstorStorageClassArgs, group: LinstorResourceGroupPlan): ClassPlan {
  const spread =
    group.replicasOnDifferent.length === 0
      ? {}
      : { [`${CSI_DRIVER}/replicasOnDifferent`]: group.replicasOnDifferent.join(" ") };
  return {
    parameters: {
      [`${CSI_DRIVER}/resourceGroup`]: settings.resourceGroup,
      [`${CSI_DRIVER}/autoPlace`]: String(group.placeCount),
      [`${CSI_DRIVER}/storagePool`]: group.storagePool,
      [`${CSI_DRIVER}/allowRemoteVolumeAccess`]: String(settings.remoteAccess ?? true),
      ...spread,
      "csi.storage.k8s.io/fstype": settings.fileSystem ?? LinstorFileSystem.Ext4,
    },
    reclaimPolicy: settings.reclaimPolicy ?? LinstorReclaimPolicy.Retain,
    volumeBindingMode: settings.bindingMode ?? LinstorBindingMode.WaitForFirstConsumer,
    allowVolumeExpansion: settings.allowExpansion ?? true,
  };
}

/** A group whose volumes one lost node or zone may stop. */
export interface FragileGroup {
  group: string;
  placeCount: number;
  why: string;
}

/** Groups whose volumes one lost node or zone can stop. */
export function fragileGroups(args: LinstorClusterArgs): FragileGroup[] {
  return Object.entries(args.resourceGroups).flatMap(([group, { placeCount, storagePool, spreadZones }]) => {
    const { zones } = reachOf(storagePool, args.satellites);
    if (placeCount === 1)
      return [{ group, placeCount, why: "its volumes have one replica, so that a lost node is a lost volume" }];
    if (spreadZones !== true && zones !== undefined && zones.length > 1)
      return [{ group, placeCount, why: "its replicas may all be in one zone; spreadZones keeps them apart" }];
    return [];
  });
}
