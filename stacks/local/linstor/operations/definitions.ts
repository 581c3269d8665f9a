import { type Answer, StorageWord } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import {
  type DefinitionState,
  Device,
  diskfulOf,
  firstFree,
  hasDrbd,
  isOnline,
  keyOf,
  type Layer,
  type Properties,
  type ResourceState,
  resourcesOf,
} from "../model.js";
import { applyProperties, needPropertyKeys, type PropertyChange } from "../properties.js";
import { newDefinition, newVolumeDefinition, withDisklessAt } from "./create.js";
import { needSize } from "./spawn.js";

export interface DefinitionRequest {
  name: string;
  props?: Properties | undefined;
  resource_group_name?: string | undefined;
}

export function createDefinition(cluster: Cluster, request: DefinitionRequest, layers: Layer[]): Answer {
  const { name, props = {}, resource_group_name: groupName = "DfltRscGrp" } = request;
  const answer = cluster.answer(Operation.Create, Subject.ResourceDefinition, { RscDfn: name });
  const details = `Resource definition: ${name}`;
  cluster.needName(answer, Code.InvalidResourceName, "resource", name, details);
  if (cluster.definition(name) !== undefined)
    answer.fail(Code.ExistsResourceDefinition, `A resource definition with the name '${name}' already exists`, {
      cause: "The ResourceDefinition already exists",
      details,
    });
  const group = cluster.needGroup(answer, groupName, details);
  needPropertyKeys(answer, Object.keys(props), details);
  const definition = newDefinition(cluster, name, group.name, layers, props);
  return answer
    .propertiesSet(Subject.ResourceDefinition, Object.keys(props))
    .say(Code.Created, `New resource definition '${name}' created.`, {
      details: `Resource definition '${name}' UUID is: ${definition.uuid}`,
      refs: { UUID: definition.uuid },
    });
}

export function createVolumeDefinition(
  cluster: Cluster,
  name: string,
  request: { volume_number?: number | undefined; size_kib: number },
): Answer {
  const definition = cluster.definition(name);
  const number =
    request.volume_number ??
    firstFree(
      0,
      (definition?.volumes ?? []).map((v) => v.number),
    );
  const refs = definition === undefined ? { RscDfn: name } : { RscDfn: name, VlmNr: String(number) };
  const answer = cluster.answer(Operation.Create, Subject.VolumeDefinition, refs);
  const details = `Volume definitions for resource definition '${name}'`;
  const needed = cluster.needDefinition(answer, name, details);
  if (needed.volumes.some((v) => v.number === number))
    answer.fail(Code.ExistsVolumeDefinition, `A volume definition with number '${number}' already exists.`, {
      details,
    });
  needSize(answer, name, number, request.size_kib, details);
  newVolumeDefinition(cluster, needed, number, request.size_kib);
  return answer.say(
    Code.Created,
    `New volume definition with number '${number}' of resource definition '${needed.name}' created.`,
  );
}

/** Visits every resource of a definition; a node that is away is named. */
export function tellAll(cluster: Cluster, answer: Answer, definition: DefinitionState, operation: Operation): void {
  const satellites = cluster.satellites(answer, definition);
  const resources = resourcesOf(definition);
  for (const r of resources) if (!isOnline(cluster.state, r.node)) answer.notConnected(r.node);
  for (const r of resources)
    if (isOnline(cluster.state, r.node))
      satellites.visit(r, { operation, storage: StorageWord.Resized, drbd: "adjusted" });
}

export function modifyDefinition(cluster: Cluster, name: string, change: PropertyChange): Answer {
  const answer = cluster.answer(Operation.Modify, Subject.ResourceDefinition, { RscDfn: name });
  const details = `Resource definition: ${name}`;
  const definition = cluster.needDefinition(answer, name, details);
  applyProperties(answer, Subject.ResourceDefinition, definition.props, change, details);
  answer.say(Code.Modified, `Resource definition '${definition.name}' modified.`, {
    details: `Resource definition '${definition.name}' UUID is: ${definition.uuid}`,
    refs: { UUID: definition.uuid },
  });
  tellAll(cluster, answer, definition, Operation.Modify);
  return answer;
}

/** Changes the size of a volume. DRBD grows only, and only while every replica is up to date. */
export function resizeVolume(cluster: Cluster, name: string, number: number, sizeKib: number): Answer {
  const refs = { RscDfn: name, VlmNr: String(number) };
  const answer = cluster.answer(Operation.Modify, Subject.VolumeDefinition, refs);
  const details = `Resource definition: ${name}, Volume number: ${number}`;
  const definition = cluster.needDefinition(answer, name, details);
  const volume = definition.volumes.find((v) => v.number === number);
  if (volume === undefined)
    return answer.fail(Code.NotFoundVolumeDefinition, `Volume definition '${number}' not found.`, { details });
  needSize(answer, name, number, sizeKib, details);
  const modified = () =>
    answer.say(
      Code.Modified,
      `Volume definition with number '${number}' of resource definition '${definition.name}' modified.`,
      {
        details:
          `Volume definition with number '${number}' of resource definition '${definition.name}' ` +
          `UUID is: ${volume.uuid}`,
        refs: { UUID: volume.uuid },
      },
    );
  if (sizeKib === volume.sizeKib) {
    answer.warn(
      Code.SameSize,
      "VolumeDefinition already has the expected size, no satellite update will be triggered.",
    );
    return modified();
  }
  if (hasDrbd(definition)) {
    if (sizeKib < volume.sizeKib)
      answer.fail(
        Code.InvalidVolumeSize,
        "Shrinking volumes is not supported by layer 'DRBD'. Volumes can only grow in size.",
        { details },
      );
    if (diskfulOf(definition).some((r) => r.disk !== "UpToDate"))
      answer.fail(Code.NotAllUpToDate, "Cannot resize volume, because we have a non-UpToDate DRBD device.", {
        details,
      });
  }
  volume.sizeKib = sizeKib;
  modified();
  grow(cluster, answer, definition, number);
  return answer;
}

/** Three visits: the storage, then DRBD, then a look at the device that came of it. */
function grow(cluster: Cluster, answer: Answer, definition: DefinitionState, number: number): void {
  const { name } = definition;
  const satellites = cluster.satellites(answer, definition);
  const volume = definition.volumes.find((v) => v.number === number);
  if (hasDrbd(definition)) volume?.flags.unshift("RESIZE");
  const words = [
    (r: ResourceState) => `Updated volume ${number} of '${name}' on '${r.node}'`,
    (r: ResourceState) => `Resized resource '${name}' on '${r.node}'`,
    (r: ResourceState) => `Updated volume ${number} of '${name}' on '${r.node}'`,
  ];
  const resources = resourcesOf(definition);
  words.forEach((word, i) => {
    const last = i === words.length - 1;
    const failing = last ? resources.find((r) => r.device !== Device.Present) : undefined;
    for (const r of resources)
      if (r !== failing) {
        const report = failing === undefined ? { report: word(r) } : {};
        satellites.visit(r, {
          operation: Operation.Modify,
          storage: StorageWord.Resized,
          drbd: "adjusted",
          ...report,
        });
      }
    if (failing !== undefined) deviceFails(answer, definition, failing);
  });
  if (volume !== undefined && !answer.failed) volume.flags = volume.flags.filter((f) => f !== "RESIZE");
}

/** Says that a satellite finds no DRBD device: the entry is an error, the answer goes on. */
export function deviceFails(answer: Answer, definition: DefinitionState, resource: ResourceState): void {
  resource.device = Device.Failing;
  const device = `/sys/block/drbd${definition.volumes[0]?.minor ?? 0}/size`;
  answer.error(Code.Unknown, `(${resource.node}) Failed to query size of ${device}`, {
    details: "The device is not there.",
    reported: true,
  });
}

/** Deletes a definition with its resources. It stays, marked, while a node that holds it is away. */
export function deleteDefinition(cluster: Cluster, name: string): Answer {
  const answer = cluster.answer(Operation.Delete, Subject.ResourceDefinition, { RscDfn: name });
  const details = `Resource definition: ${name}`;
  const definition = cluster.definition(name);
  if (definition === undefined)
    return answer.warn(Code.NotFound, `Resource definition: ${name} not found.`, { details });
  if (Object.keys(definition.snapshots).length > 0)
    answer.fail(Code.ExistsSnapshot, `Cannot delete resource definition '${name}' because it has snapshots.`, {
      details,
      reported: true,
    });
  const user = resourcesOf(definition).find((r) => r.inUse);
  if (user !== undefined)
    answer.fail(Code.InUse, `Resource '${name}' on node '${user.node}' is still in use.`, {
      cause: "Resource is mounted/in use.",
      details,
      correction: `Un-mount resource '${name}' on the node '${user.node}'.`,
    });
  definition.deleting = true;
  answer.say(Code.Deleted, `Resource definition '${name}' marked for deletion.`);
  const away = resourcesOf(definition).filter((r) => !isOnline(cluster.state, r.node));
  for (const r of resourcesOf(definition)) r.deleting = true;
  for (const r of away) answer.notConnected(r.node);
  takeDown(cluster, answer, definition);
  for (const r of resourcesOf(definition)) if (!away.includes(r)) delete definition.resources[keyOf(r.node)];
  if (away.length > 0) return answer;
  delete cluster.state.definitions[keyOf(name)];
  return answer.say(Code.Deleted, `Resource definition '${name}' deleted.`, {
    details: `Resource definition '${name}' UUID was: ${definition.uuid}`,
  });
}

/** Those without a disk go first, then those with one. */
function takeDown(cluster: Cluster, answer: Answer, definition: DefinitionState): void {
  const { name } = definition;
  const satellites = cluster.satellites(answer, definition);
  const online = resourcesOf(definition).filter((r) => isOnline(cluster.state, r.node));
  const diskful = online.filter((r) => !r.diskless);
  const diskless = online.filter((r) => r.diskless);
  const operation = Operation.Delete;
  const marked = (r: ResourceState) => `Resource '${name}' on '${r.node}' marked for deletion`;
  if (diskless.length > 0) {
    for (const r of withDisklessAt(diskful, diskless, 1))
      satellites.visit(r, { operation, drbd: r.diskless ? "deleted" : "adjusted", report: marked(r) });
    for (const r of diskful)
      satellites.visit(r, { operation, drbd: "adjusted", report: `Resource '${name}' on '${r.node}' deleted` });
  }
  for (const r of diskful) {
    satellites.visit(r, { operation, drbd: "deleted" });
    satellites.visit(r, { operation, storage: StorageWord.Deleted, drbd: "none", report: marked(r) });
  }
}
