import { type Answer, StorageWord } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import {
  type DefinitionState,
  Device,
  DISKLESS_POOL,
  diskfulOf,
  firstFree,
  hasDrbd,
  keyOf,
  Layer,
  type Properties,
  type ResourceState,
  resourcesOf,
  type SelectFilter,
  type VolumeDefinitionState,
} from "../model.js";
import { tieBreakerNode, wantsTieBreaker } from "../placement.js";

/** Ports and minor numbers that LINSTOR gives to DRBD, from its defaults. */
const FIRST_PORT = 7000;
const FIRST_MINOR = 1000;
const QUORUM = "DrbdOptions/Resource/quorum";

export function newDefinition(
  cluster: Cluster,
  name: string,
  group: string,
  layers: Layer[],
  props: Properties,
): DefinitionState {
  const definition: DefinitionState = {
    name,
    uuid: cluster.uuid(),
    group,
    layers,
    props: { [QUORUM]: "off", ...props },
    port: firstFree(
      FIRST_PORT,
      Object.values(cluster.state.definitions).map((d) => d.port),
    ),
    secret: cluster.uuid().replaceAll("-", "").slice(0, 20),
    deleting: false,
    snapshotCount: 0,
    volumes: [],
    resources: {},
    snapshots: {},
  };
  cluster.state.definitions[keyOf(name)] = definition;
  return definition;
}

export function newVolumeDefinition(
  cluster: Cluster,
  definition: DefinitionState,
  number: number,
  sizeKib: number,
): VolumeDefinitionState {
  const minors = Object.values(cluster.state.definitions).flatMap((d) => d.volumes.map((v) => v.minor));
  const volume: VolumeDefinitionState = {
    number,
    sizeKib,
    uuid: cluster.uuid(),
    minor: firstFree(FIRST_MINOR, minors),
    props: { DrbdCurrentGi: cluster.uuid().replaceAll("-", "").slice(0, 16).toUpperCase() },
    flags: [],
  };
  definition.volumes.push(volume);
  definition.volumes.sort((a, b) => a.number - b.number);
  return volume;
}

/** Puts a resource on a node; `pool` undefined means without a disk. */
export function newResource(
  cluster: Cluster,
  definition: DefinitionState,
  node: string,
  pool: string | undefined,
): ResourceState {
  const nodeId = firstFree(
    0,
    Object.values(definition.resources).map((r) => r.nodeId),
  );
  const resource: ResourceState = {
    node,
    pool: pool ?? DISKLESS_POOL,
    diskless: pool === undefined,
    tieBreaker: false,
    inUse: false,
    deleting: false,
    disk: pool === undefined ? "Diskless" : "UpToDate",
    device: Device.Present,
    nodeId,
    drbdFlags: pool === undefined ? ["DISKLESS", "INITIALIZED"] : ["INITIALIZED"],
    props: { StorPoolName: pool ?? DISKLESS_POOL },
    uuid: cluster.uuid(),
    volumeUuids: Object.fromEntries(definition.volumes.map((v) => [v.number, cluster.uuid()])),
    createdAt: cluster.now(),
  };
  definition.resources[keyOf(node)] = resource;
  return resource;
}

/** What DRBD writes into a volume definition once its first replica is there. */
export function initialise(definition: DefinitionState): void {
  const [first] = diskfulOf(definition);
  for (const volume of definition.volumes) {
    if (!hasDrbd(definition) || first === undefined || volume.flags.includes("DRBD_INITIALIZED")) continue;
    volume.flags.push("DRBD_INITIALIZED");
    Object.assign(volume.props, {
      "DrbdOptions/Disk/block-size": "512",
      "DrbdOptions/Disk/discard-zeroes-if-aligned": "no",
      "DrbdOptions/Disk/rs-discard-granularity": "4096",
      "Linstor/Drbd/InitialUptoDateOn": first.node.toUpperCase(),
      "StorDriver/internal/AllocationGranularity": "1",
    });
  }
}

/** Adds a tie-breaker where DRBD wants one, and says so or why not; returns it. */
export function addTieBreaker(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  filter: SelectFilter,
): ResourceState | undefined {
  if (!wantsTieBreaker(definition)) return undefined;
  const node = tieBreakerNode(cluster.state, definition, filter);
  if (node === undefined) {
    answer.warn(
      Code.NoTieBreaker,
      `Could not find suitable node to automatically create a tie breaking resource for '${definition.name}'.`,
    );
    return undefined;
  }
  const resource = newResource(cluster, definition, node.name, undefined);
  resource.tieBreaker = true;
  answer
    .propertiesSet(Subject.Resource, ["StorPoolName"])
    .info(Code.TieBreakerCreated, `Tie breaker resource '${definition.name}' created on ${node.name}`);
  return resource;
}

/** Turns DRBD's quorum on where there are votes enough, as LINSTOR's AutoQuorum does. */
export function adjustQuorum(answer: Answer, definition: DefinitionState): void {
  const enough = resourcesOf(definition).length >= 3;
  if (!hasDrbd(definition) || !enough || definition.props[QUORUM] === "majority") return;
  definition.props[QUORUM] = "majority";
  answer.info(
    Code.PropertySet,
    `Resource-definition property '${QUORUM}' updated from undefined to 'majority' by AutoQuorum`,
  );
}

const quoted = (names: string[]) => names.map((n) => `'${n}'`).join(", ");

/** Puts an entry at a place of a list; a diskless satellite answers before or among the others. */
export function withDisklessAt(diskful: ResourceState[], diskless: ResourceState[], at: number): ResourceState[] {
  return [...diskful.slice(0, at), ...diskless, ...diskful.slice(at)];
}

/** What satellites report while a new definition comes up on all its nodes. */
export function bringUp(cluster: Cluster, answer: Answer, definition: DefinitionState, ready: string): void {
  const satellites = cluster.satellites(answer, definition);
  const { name } = definition;
  const diskful = diskfulOf(definition);
  const diskless = resourcesOf(definition).filter((r) => r.diskless);
  const peers = quoted(diskful.map((r) => r.node));
  for (const r of withDisklessAt(diskful, diskless, 0))
    satellites.visit(r, {
      operation: Operation.Create,
      storage: StorageWord.Created,
      drbd: "adjusted",
      report: r.diskless
        ? `Added peer(s) ${peers} to resource '${name}' on '${r.node}'`
        : `Created resource '${name}' on '${r.node}'`,
    });
  if (!hasDrbd(definition)) return;
  const isReady = (r: ResourceState) =>
    answer.say(Code.Created, `Resource '${name}' on '${r.node}' ready`, { details: ready });
  for (const r of diskful) isReady(r);
  for (const r of withDisklessAt(diskful, diskless, 0))
    satellites.visit(r, { operation: Operation.Modify, storage: StorageWord.Resized, drbd: "adjusted" });
  if (diskless.length === 0) return;
  const late = quoted(diskless.map((r) => r.node));
  for (const r of withDisklessAt(diskful, diskless, 1))
    satellites.visit(r, {
      operation: Operation.Create,
      storage: StorageWord.Resized,
      drbd: "adjusted",
      report: r.diskless
        ? `Created resource '${name}' on '${r.node}'`
        : `Added peer(s) ${late} to resource '${name}' on '${r.node}'`,
    });
  for (const r of diskless) isReady(r);
}

/** Layers of a request's list; undefined where one is not modelled. */
export function layersOf(list: readonly string[] | undefined): Layer[] | undefined {
  if (list === undefined || list.length === 0) return [Layer.Drbd, Layer.Storage];
  const known = list.map((l) => l.toUpperCase()).filter((l): l is Layer => l === Layer.Drbd || l === Layer.Storage);
  return known.length === list.length ? known : undefined;
}
