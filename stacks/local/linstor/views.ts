import { LosslessNumber } from "lossless-json";
import {
  allocatedKib,
  type ClusterState,
  Connection,
  type DefinitionState,
  DISKLESS_POOL,
  DRBD_METADATA_KIB,
  type GroupState,
  hasDrbd,
  inOrder,
  isOnline,
  keyOf,
  Layer,
  type NodeState,
  type PoolSpace,
  type PoolState,
  PROVIDERS,
  type ResourceState,
  resourcesOf,
  type SnapshotState,
  type VolumeDefinitionState,
} from "./model.js";
import type { SizeInfo } from "./operations/groups.js";

/** JSON as it goes over the wire: whole numbers above 2^53 are bigint, `20.0` is a LosslessNumber. */
export type Json = string | number | bigint | boolean | null | LosslessNumber | Json[] | { [key: string]: Json };

/** LINSTOR's figure for "without limit": 2^63 - 1. */
const UNLIMITED = 2n ** 63n - 1n;
const PEER_SLOTS = 7;
const ACTIVITY_LOG = { al_stripes: 1, al_stripe_size_kib: 32 };
/** Kinds and layers that LINSTOR knows and this stand-in's nodes do not have, with why, as LINSTOR gives it. */
const NO_PROVIDERS = ["SPDK", "STORAGE_SPACES", "STORAGE_SPACES_THIN"];
const NO_LAYERS = ["LUKS", "NVME", "WRITECACHE", "CACHE", "BCACHE"];
const REMOTE_PROVIDERS = ["REMOTE_SPDK", "EBS_INIT", "EBS_TARGET"];
const UNKNOWN_YET = ["The satellite has not told yet"];

const flagList = (flags: string[]): { [key: string]: Json } => (flags.length === 0 ? {} : { flags });
const filled = (key: string, props: { [key: string]: string }): { [key: string]: Json } =>
  Object.keys(props).length === 0 ? {} : { [key]: { ...props } };

/** Which of the wanted names something has; an empty list wants all. Names are compared without case. */
export function wanted(names: readonly string[], name: string): boolean {
  return names.length === 0 || names.some((n) => keyOf(n) === keyOf(name));
}

export function nodeView(node: NodeState): Json {
  const known = node.connection !== Connection.Offline;
  const because = (names: readonly string[], reasons: string[]) =>
    Object.fromEntries(names.map((name) => [name, [...reasons]]));
  const providers = Object.keys(PROVIDERS);
  return {
    name: node.name,
    type: node.type,
    props: { ...node.props },
    net_interfaces: node.interfaces.map((net) => ({
      name: net.name,
      address: net.address,
      satellite_port: net.port,
      satellite_encryption_type: net.encryption,
      is_active: true,
      uuid: net.uuid,
    })),
    connection_status: node.connection,
    uuid: node.uuid,
    storage_providers: ["DISKLESS", ...(known ? providers : []), ...REMOTE_PROVIDERS],
    resource_layers: known ? [Layer.Drbd, Layer.Storage] : [Layer.Storage],
    unsupported_providers: known
      ? because(NO_PROVIDERS, ["The stand-in has none"])
      : because([...providers, ...NO_PROVIDERS], UNKNOWN_YET),
    unsupported_layers: known
      ? because(NO_LAYERS, ["The stand-in has none"])
      : because([Layer.Drbd, ...NO_LAYERS], UNKNOWN_YET),
    ...(node.evictionTimestamp === undefined ? {} : { eviction_timestamp: node.evictionTimestamp }),
  };
}

/** The pools of a node, the one without disks first. */
export function poolViews(node: NodeState, spaces: readonly PoolSpace[]): { name: string; view: Json }[] {
  const diskless: Json = {
    storage_pool_name: DISKLESS_POOL,
    node_name: node.name,
    provider_kind: "DISKLESS",
    static_traits: { SupportsSnapshots: "false" },
    free_capacity: UNLIMITED,
    total_capacity: UNLIMITED,
    free_space_mgr_name: `${node.name};${DISKLESS_POOL}`,
    uuid: node.disklessUuid,
    supports_snapshots: false,
    external_locking: false,
  };
  const disks = inOrder(node.pools).map((pool) => ({ name: pool.name, view: poolView(node, pool, spaces) }));
  return [{ name: DISKLESS_POOL, view: diskless }, ...disks];
}

function poolView(node: NodeState, pool: PoolState, spaces: readonly PoolSpace[]): Json {
  const space = spaces.find((s) => s.node === node.name && s.pool === pool.name);
  const known = node.connection === Connection.Online;
  return {
    storage_pool_name: pool.name,
    node_name: node.name,
    provider_kind: pool.kind,
    ...filled("props", pool.props),
    static_traits: { Provisioning: PROVIDERS[pool.kind]?.thin === true ? "Thin" : "Fat", SupportsSnapshots: "true" },
    ...(known ? { free_capacity: space?.freeKib ?? 0, total_capacity: pool.capacityKib } : {}),
    free_space_mgr_name: `${node.name};${pool.name}`,
    uuid: pool.uuid,
    supports_snapshots: true,
    external_locking: false,
  };
}

export function groupView(group: GroupState): Json {
  const { storage_pool_list: pools, ...rest } = group.filter;
  const [only] = pools ?? [];
  return {
    name: group.name,
    ...(group.description === undefined ? {} : { description: group.description }),
    ...filled("props", group.props),
    select_filter: {
      ...(rest as { [key: string]: Json }),
      ...(pools === undefined ? {} : { storage_pool_list: [...pools] }),
      ...(only === undefined ? {} : { storage_pool: only }),
    },
    uuid: group.uuid,
  };
}

export function volumeGroupViews(group: GroupState): Json[] {
  return group.volumeGroups.map((v) => ({ volume_number: v.number, ...filled("props", v.props), uuid: v.uuid }));
}

export function sizeInfoView(info: SizeInfo): Json {
  const ratio = () => new LosslessNumber(info.ratio.toFixed(1));
  return {
    max_vlm_size_in_kib: info.maxVolumeKib,
    available_size_in_kib: info.availableKib,
    capacity_in_kib: info.capacityKib,
    default_max_oversubscription_ratio: ratio(),
    next_spawn_result: info.places.map(({ node, pool }) => ({
      node_name: node,
      stor_pool_name: pool,
      stor_pool_oversubscription_ratio: ratio(),
    })),
  };
}

function drbdDefinition(definition: DefinitionState): { [key: string]: Json } {
  return {
    peer_slots: PEER_SLOTS,
    ...ACTIVITY_LOG,
    port: -1,
    transport_type: "IP",
    secret: definition.secret,
    down: false,
  };
}

export function definitionView(definition: DefinitionState): Json {
  return {
    name: definition.name,
    ...filled("props", definition.props),
    ...flagList(definition.deleting ? ["DELETE"] : []),
    layer_data: definition.layers.map((layer) =>
      layer === Layer.Drbd ? { type: layer, data: drbdDefinition(definition) } : { type: layer },
    ),
    uuid: definition.uuid,
    resource_group_name: definition.group,
  };
}

export function volumeDefinitionView(definition: DefinitionState, volume: VolumeDefinitionState): Json {
  return {
    volume_number: volume.number,
    size_kib: volume.sizeKib,
    ...filled("props", volume.props),
    ...flagList(volume.flags),
    layer_data: definition.layers.map((layer) =>
      layer === Layer.Drbd
        ? { type: layer, data: { volume_number: volume.number, minor_number: volume.minor } }
        : { type: layer },
    ),
    uuid: volume.uuid,
  };
}

/** One resource as seen now: what satellites that are away would tell is left out. */
class ResourceView {
  private readonly online: boolean;
  private readonly peers: ResourceState[];

  constructor(
    private readonly state: ClusterState,
    private readonly definition: DefinitionState,
    private readonly resource: ResourceState,
  ) {
    this.online = isOnline(state, resource.node);
    this.peers = resourcesOf(definition).filter((r) => r !== resource);
  }

  view(withVolumes: boolean): Json {
    const { resource, definition } = this;
    const drbd = hasDrbd(definition);
    const storage = { type: Layer.Storage, storage: { storage_volumes: definition.volumes.map((v) => this.disk(v)) } };
    return {
      name: definition.name,
      node_name: resource.node,
      props: { ...resource.props },
      ...flagList(this.flags()),
      layer_object: drbd ? { children: [storage], type: Layer.Drbd, drbd: this.drbd() } : storage,
      ...(this.online ? { state: drbd ? { in_use: resource.inUse } : {} } : {}),
      uuid: resource.uuid,
      create_timestamp: resource.createdAt,
      ...(withVolumes ? { volumes: definition.volumes.map((v) => this.volume(v)) } : {}),
    };
  }

  private flags(): string[] {
    const { diskless, tieBreaker, deleting } = this.resource;
    return [
      ...(deleting ? ["DELETE"] : []),
      ...(diskless ? ["DISKLESS", "DRBD_DISKLESS"] : []),
      ...(tieBreaker ? ["TIE_BREAKER"] : []),
    ];
  }

  private connected(peer: ResourceState): boolean {
    return isOnline(this.state, peer.node);
  }

  private drbd(): Json {
    const { resource, definition, peers } = this;
    const used = [resource, ...peers].some((r) => r.inUse);
    const reached = peers.filter((p) => this.connected(p)).length;
    const connections = peers.map((p) => {
      const connected = this.connected(p);
      return [p.node, { connected, message: connected ? "Connected" : "Connecting" }];
    });
    return {
      drbd_resource_definition: drbdDefinition(definition),
      node_id: resource.nodeId,
      tcp_ports: [definition.port],
      peer_slots: PEER_SLOTS,
      al_stripes: ACTIVITY_LOG.al_stripes,
      al_size: ACTIVITY_LOG.al_stripe_size_kib,
      ...flagList(resource.drbdFlags),
      drbd_volumes: definition.volumes.map((v) => this.drbdVolume(v)),
      ...(this.online
        ? {
            connections: Object.fromEntries(connections) as { [node: string]: Json },
            promotion_score: used ? 0 : 10_000 + (resource.diskless ? 0 : 100) + reached,
            may_promote: !used,
          }
        : {}),
    };
  }

  private drbdVolume(volume: VolumeDefinitionState): Json {
    const { diskless } = this.resource;
    return {
      drbd_volume_definition: { volume_number: volume.number, minor_number: volume.minor },
      device_path: `/dev/drbd${volume.minor}`,
      ...(diskless ? {} : { backing_device: this.backing(volume) }),
      allocated_size_kib: diskless ? -1 : volume.sizeKib + DRBD_METADATA_KIB,
      usable_size_kib: volume.sizeKib,
    };
  }

  private backing(volume: VolumeDefinitionState): string {
    return `/dev/standin/${this.definition.name}_${String(volume.number).padStart(5, "0")}`;
  }

  private allocated(volume: VolumeDefinitionState): number {
    const { node, pool } = this.resource;
    const kind = this.state.nodes[keyOf(node)]?.pools[keyOf(pool)]?.kind ?? "";
    return allocatedKib(kind, volume.sizeKib, hasDrbd(this.definition));
  }

  private disk(volume: VolumeDefinitionState): { [key: string]: Json } {
    if (this.resource.diskless)
      return { volume_number: volume.number, allocated_size_kib: 0, usable_size_kib: volume.sizeKib };
    const size = this.allocated(volume);
    return {
      volume_number: volume.number,
      device_path: this.backing(volume),
      allocated_size_kib: size,
      usable_size_kib: size,
      disk_state: "[]",
    };
  }

  private volume(volume: VolumeDefinitionState): Json {
    const { resource, definition } = this;
    const drbd = hasDrbd(definition);
    const established = this.peers.filter((p) => this.connected(p)).map((p) => p.node);
    const state = {
      disk_state: resource.disk,
      replication_states: Object.fromEntries(established.map((n) => [n, { replication_state: "Established" }])),
    };
    return {
      volume_number: volume.number,
      storage_pool_name: resource.pool,
      provider_kind: resource.diskless
        ? "DISKLESS"
        : (this.state.nodes[keyOf(resource.node)]?.pools[keyOf(resource.pool)]?.kind ?? ""),
      device_path: drbd ? `/dev/drbd${volume.minor}` : this.backing(volume),
      allocated_size_kib: resource.diskless ? 0 : this.allocated(volume),
      ...(drbd && this.online ? { state } : {}),
      ...flagList(resource.deleting ? ["DELETE"] : []),
      layer_data_list: [
        ...(drbd ? [{ type: Layer.Drbd, data: this.drbdVolume(volume) }] : []),
        { type: Layer.Storage, data: this.disk(volume) },
      ],
      uuid: resource.volumeUuids[volume.number] ?? "",
    };
  }
}

export function resourceView(
  state: ClusterState,
  definition: DefinitionState,
  resource: ResourceState,
  withVolumes: boolean,
): Json {
  return new ResourceView(state, definition, resource).view(withVolumes);
}

export function snapshotView(definition: DefinitionState, snapshot: SnapshotState): Json {
  const own = { ...snapshot.props, SequenceNumber: String(snapshot.number) };
  return {
    name: snapshot.name,
    resource_name: definition.name,
    nodes: snapshot.nodes.map((n) => n.node),
    props: { ...definition.props, ...own },
    snapshot_definition_props: own,
    ...filled("resource_definition_props", definition.props),
    ...flagList(snapshot.successful ? ["SUCCESSFUL"] : ["FAILED_DEPLOYMENT"]),
    volume_definitions: snapshot.volumes.map((v) => ({ volume_number: v.number, size_kib: v.sizeKib })),
    uuid: snapshot.uuid,
    snapshots: snapshot.nodes.map((part) => ({
      snapshot_name: snapshot.name,
      node_name: part.node,
      create_timestamp: part.createdAt,
      uuid: part.uuid,
      resource_props: { StorPoolName: part.pool },
      snapshot_volumes: snapshot.volumes.map((v) => ({ uuid: part.uuid, vlm_nr: v.number })),
    })),
  };
}
