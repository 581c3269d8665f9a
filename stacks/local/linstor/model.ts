import { randomUUID } from "node:crypto";

/** The pool that every node has for resources without a disk. */
export const DISKLESS_POOL = "DfltDisklessStorPool";
/** What a thin volume takes before anything is written to it, in KiB (seen on FILE_THIN of 1.33.3). */
const THIN_ALLOCATED_KIB = 8;
/** DRBD's metadata of one volume with 7 peer slots, in KiB (allocated less usable size, 1.33.3). */
export const DRBD_METADATA_KIB = 52;
/** LINSTOR's default for MaxOversubscriptionRatio of thin pools. */
export const OVERSUBSCRIPTION = 20;

export const Layer = { Drbd: "DRBD", Storage: "STORAGE" } as const;
export type Layer = (typeof Layer)[keyof typeof Layer];

export const Connection = { Online: "ONLINE", Connected: "CONNECTED", Offline: "OFFLINE" } as const;
export type Connection = (typeof Connection)[keyof typeof Connection];

/** Storage providers that the stand-in has, with whether a volume is allocated when it is written (thin) or at once. */
export const PROVIDERS: { readonly [kind: string]: { thin: boolean; resizes: boolean } } = {
  LVM: { thin: false, resizes: false },
  LVM_THIN: { thin: true, resizes: false },
  ZFS: { thin: false, resizes: false },
  ZFS_THIN: { thin: true, resizes: false },
  FILE: { thin: false, resizes: false },
  // A satellite reports a sparse file as resized each time that it is looked at.
  FILE_THIN: { thin: true, resizes: true },
};

export interface Properties {
  [key: string]: string;
}

export interface PoolState {
  name: string;
  kind: string;
  uuid: string;
  props: Properties;
  capacityKib: number;
}

export interface NodeState {
  name: string;
  type: string;
  uuid: string;
  props: Properties;
  interfaces: { name: string; address: string; port: number; encryption: string; uuid: string }[];
  connection: Connection;
  /** Milliseconds since 1970 at which LINSTOR would evict an offline node. */
  evictionTimestamp?: number;
  /** By name in lower case; the diskless pool is not among them. */
  pools: { [name: string]: PoolState };
  disklessUuid: string;
}

/** What a resource group or a spawn asks of the placement. */
export interface SelectFilter {
  place_count?: number;
  storage_pool_list?: string[];
  node_name_list?: string[];
  replicas_on_same?: string[];
  replicas_on_different?: string[];
  layer_stack?: string[];
  provider_list?: string[];
}

export interface GroupState {
  name: string;
  uuid: string;
  description?: string;
  props: Properties;
  filter: SelectFilter;
  volumeGroups: { number: number; uuid: string; props: Properties }[];
}

export interface VolumeDefinitionState {
  number: number;
  sizeKib: number;
  uuid: string;
  minor: number;
  props: Properties;
  flags: string[];
}

/** What a satellite can do with a resource's DRBD device: a fault for tests. */
export const Device = { Present: "present", Absent: "absent", Failing: "failing" } as const;
export type Device = (typeof Device)[keyof typeof Device];

export interface ResourceState {
  node: string;
  /** Name of its pool; DISKLESS_POOL without a disk. */
  pool: string;
  diskless: boolean;
  tieBreaker: boolean;
  inUse: boolean;
  deleting: boolean;
  /** DRBD's word for the disk: UpToDate, Diskless, Inconsistent, SyncTarget(47.72%). */
  disk: string;
  device: Device;
  nodeId: number;
  drbdFlags: string[];
  props: Properties;
  uuid: string;
  volumeUuids: { [number: string]: string };
  createdAt: number;
}

export interface SnapshotState {
  name: string;
  uuid: string;
  number: number;
  props: Properties;
  successful: boolean;
  volumes: { number: number; sizeKib: number }[];
  nodes: { node: string; uuid: string; pool: string; taken: boolean; createdAt: number }[];
}

export interface DefinitionState {
  name: string;
  uuid: string;
  group: string;
  layers: Layer[];
  props: Properties;
  port: number;
  secret: string;
  deleting: boolean;
  snapshotCount: number;
  /** By number, rising. */
  volumes: VolumeDefinitionState[];
  /** By node name in lower case. */
  resources: { [node: string]: ResourceState };
  /** By name in lower case. */
  snapshots: { [name: string]: SnapshotState };
}

/** Everything a controller keeps in its database: plain JSON. */
export interface ClusterState {
  localId: string;
  nodes: { [name: string]: NodeState };
  groups: { [name: string]: GroupState };
  definitions: { [name: string]: DefinitionState };
  stores: { [name: string]: { name: string; uuid: string; props: Properties } };
  props: Properties;
}

/** Where a cluster takes what is not the same twice. */
export interface Sources {
  now(): Date;
  uuid(): string;
}

export const SYSTEM_SOURCES: Sources = { now: () => new Date(), uuid: () => randomUUID() };

/** LINSTOR compares names without case. */
export function keyOf(name: string): string {
  return name.toLowerCase();
}

/** Entries of a record in the order of their keys: the order in which LINSTOR lists. */
export function inOrder<T>(record: { [key: string]: T }): T[] {
  return Object.entries(record)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, value]) => value);
}

/** The smallest whole number from `from` that is not taken. */
export function firstFree(from: number, taken: Iterable<number>): number {
  const used = new Set(taken);
  let free = from;
  while (used.has(free)) free++;
  return free;
}

export function emptyState(sources: Sources): ClusterState {
  const group: GroupState = {
    name: "DfltRscGrp",
    uuid: sources.uuid(),
    props: {},
    filter: { place_count: 2 },
    volumeGroups: [],
  };
  return {
    localId: sources.uuid(),
    nodes: {},
    groups: { [keyOf(group.name)]: group },
    definitions: {},
    stores: {},
    props: { "DrbdOptions/auto-add-quorum-tiebreaker": "True", "DrbdOptions/Resource/on-no-quorum": "io-error" },
  };
}

/** The resources of a definition in the order of their nodes. */
export function resourcesOf(definition: DefinitionState): ResourceState[] {
  return inOrder(definition.resources);
}

export function diskfulOf(definition: DefinitionState): ResourceState[] {
  return resourcesOf(definition).filter((r) => !r.diskless);
}

export function hasDrbd(definition: DefinitionState): boolean {
  return definition.layers.includes(Layer.Drbd);
}

export function isOnline(state: ClusterState, node: string): boolean {
  return state.nodes[keyOf(node)]?.connection === Connection.Online;
}

/** What one volume takes of its pool, in KiB. */
export function allocatedKib(kind: string, sizeKib: number, drbd: boolean): number {
  if (PROVIDERS[kind]?.thin === true) return THIN_ALLOCATED_KIB;
  return sizeKib + (drbd ? DRBD_METADATA_KIB : 0);
}

/** What a pool has given away, in KiB: of its capacity, and as promises that thin volumes may grow into. */
export interface PoolUse {
  allocatedKib: number;
  promisedKib: number;
  resources: number;
}

/** The use of every pool, by `node/pool` in lower case, in one walk over the definitions. */
export function poolUse(state: ClusterState): Map<string, PoolUse> {
  const uses = new Map<string, PoolUse>();
  for (const definition of Object.values(state.definitions)) {
    const drbd = hasDrbd(definition);
    for (const resource of Object.values(definition.resources)) {
      if (resource.diskless) continue;
      const id = `${keyOf(resource.node)}/${keyOf(resource.pool)}`;
      const use = uses.get(id) ?? { allocatedKib: 0, promisedKib: 0, resources: 0 };
      uses.set(id, use);
      const kind = state.nodes[keyOf(resource.node)]?.pools[keyOf(resource.pool)]?.kind ?? "";
      use.resources++;
      for (const { sizeKib } of definition.volumes) {
        use.allocatedKib += allocatedKib(kind, sizeKib, drbd);
        use.promisedKib += sizeKib;
      }
    }
  }
  return uses;
}

/** A pool with what is left in it. */
export interface PoolSpace {
  node: string;
  pool: string;
  kind: string;
  capacityKib: number;
  freeKib: number;
  /** The largest sum of volume sizes that fits yet; for thin pools with over-subscription. */
  roomKib: number;
  resources: number;
}

/** Every pool with a disk, in the order of nodes and pools. */
export function poolSpaces(state: ClusterState, drbd = true): PoolSpace[] {
  const uses = poolUse(state);
  return inOrder(state.nodes).flatMap((node) =>
    inOrder(node.pools).map((pool) => {
      const use = uses.get(`${keyOf(node.name)}/${keyOf(pool.name)}`);
      const freeKib = pool.capacityKib - (use?.allocatedKib ?? 0);
      const overhead = allocatedKib(pool.kind, 0, drbd);
      const thin = PROVIDERS[pool.kind]?.thin === true;
      const promisable = OVERSUBSCRIPTION * pool.capacityKib - (use?.promisedKib ?? 0);
      const roomKib =
        freeKib < overhead ? 0 : thin ? Math.min(OVERSUBSCRIPTION * freeKib, promisable) : freeKib - overhead;
      return {
        node: node.name,
        pool: pool.name,
        kind: pool.kind,
        capacityKib: pool.capacityKib,
        freeKib,
        roomKib: Math.max(0, roomKib),
        resources: use?.resources ?? 0,
      };
    }),
  );
}
