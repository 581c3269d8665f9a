import { type Answer, StorageWord } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import {
  type DefinitionState,
  DISKLESS_POOL,
  diskfulOf,
  hasDrbd,
  keyOf,
  type ResourceState,
  resourcesOf,
} from "../model.js";
import { wantsTieBreaker } from "../placement.js";

/** Gives a resource a disk, or takes it; `pool` undefined with `diskful` means the group's. */
export function toggleDisk(
  cluster: Cluster,
  name: string,
  nodeName: string,
  wanted: { diskful: boolean; pool?: string; from?: string },
): Answer {
  const answer = cluster.answer(Operation.Modify, Subject.Resource, { RscDfn: name, Node: nodeName });
  const details = `Node: ${nodeName}, Resource: ${name}`;
  const definition = cluster.needDefinition(answer, name, details);
  const resource = cluster.needResource(answer, definition, nodeName);
  if (wanted.diskful !== resource.diskless)
    return wanted.diskful
      ? answer.warn(Code.AlreadyHasDisk, "Resource already has disk", { details })
      : answer.warn(Code.AlreadyDiskless, "Resource already diskless", { details });
  if (!hasDrbd(definition))
    answer.fail(Code.InvalidLayerStack, "Toggle disk is only supported in combination with DRBD", { details });
  if (!wanted.diskful) {
    if (diskfulOf(definition).length === 1)
      answer.fail(Code.InUse, `Resource '${name}' on node '${nodeName}' has the last disk.`, { details });
    removeDisk(cluster, answer, definition, resource);
    return answer;
  }
  const pool = wanted.pool ?? cluster.filterOf(definition).storage_pool_list?.[0];
  const found = pool === undefined ? undefined : cluster.node(nodeName)?.pools[keyOf(pool)];
  if (found === undefined)
    return answer.fail(Code.NotFoundStoragePool, `Storage pool '${pool ?? ""}' on node '${nodeName}' not found.`, {
      details,
    });
  addDisk(cluster, answer, definition, resource, found.name, "user");
  const from = wanted.from === undefined ? undefined : definition.resources[keyOf(wanted.from)];
  if (from !== undefined) loseDisk(definition, from);
  return answer;
}

function peersAdjust(cluster: Cluster, answer: Answer, definition: DefinitionState, resource: ResourceState): void {
  const satellites = cluster.satellites(answer, definition);
  for (const r of resourcesOf(definition))
    if (r !== resource)
      satellites.visit(r, { operation: Operation.Modify, storage: StorageWord.Resized, drbd: "adjusted" });
}

/** Adds a disk: the peers make room for it, then it is made and DRBD fills it. */
export function addDisk(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  resource: ResourceState,
  pool: string,
  by: string,
): void {
  const { name } = definition;
  const { node } = resource;
  const operation = Operation.Modify;
  const satellites = cluster.satellites(answer, definition);
  answer
    .propertiesSet(Subject.Resource, ["StorPoolName"])
    .propertiesSet(Subject.Resource, ["StorPoolName"])
    .say(Code.Modified, `Addition of disk to resource '${name}' on node '${node}' registered`);
  const peers = resourcesOf(definition).filter((r) => r !== resource);
  for (const r of peers)
    satellites.visit(r, {
      operation,
      storage: StorageWord.Resized,
      drbd: "adjusted",
      report: `Prepared '${r.node}' to expect disk on '${node}'`,
    });
  satellites.visit(resource, { operation, drbd: "adjusted" });
  Object.assign(resource, { pool, diskless: false, tieBreaker: false, disk: "UpToDate", drbdFlags: ["DISKLESS"] });
  Object.assign(resource.props, { DiskfulBy: by, StorPoolName: pool });
  for (const r of peers) satellites.visit(r, { operation, storage: StorageWord.Resized, drbd: "adjusted" });
  satellites.visit(resource, {
    operation,
    storage: StorageWord.Created,
    drbd: "adjusted",
    report: `Added disk on '${node}'`,
  });
}

function loseDisk(definition: DefinitionState, resource: ResourceState): void {
  const initialised = resource.drbdFlags.includes("INITIALIZED");
  Object.assign(resource, {
    pool: DISKLESS_POOL,
    diskless: true,
    disk: "Diskless",
    drbdFlags: initialised ? ["DISKLESS", "INITIALIZED"] : ["DISKLESS"],
    props: { StorPoolName: DISKLESS_POOL },
  });
  const { [keyOf(resource.node)]: _self, ...others } = definition.resources;
  resource.tieBreaker = wantsTieBreaker({ ...definition, resources: others });
}

function removeDisk(cluster: Cluster, answer: Answer, definition: DefinitionState, resource: ResourceState): void {
  const { name } = definition;
  const { node } = resource;
  const satellites = cluster.satellites(answer, definition);
  const operation = Operation.Modify;
  answer
    .propertiesSet(Subject.Resource, ["StorPoolName"])
    .say(Code.Modified, `Removal of disk from resource '${name}' on node '${node}' registered`);
  peersAdjust(cluster, answer, definition, resource);
  loseDisk(definition, resource);
  satellites.visit(resource, { operation, drbd: "adjusted", report: `Removed disk on '${node}'` });
  for (const r of resourcesOf(definition))
    if (r !== resource)
      satellites.visit(r, {
        operation,
        storage: StorageWord.Resized,
        drbd: "adjusted",
        report: `Notified '${r.node}' that disk has been removed on '${node}'`,
      });
  satellites.visit(resource, { operation, drbd: "adjusted" });
}
