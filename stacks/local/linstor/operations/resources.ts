import { type Answer, StorageWord } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import {
  type DefinitionState,
  hasDrbd,
  isOnline,
  keyOf,
  type NodeState,
  type Properties,
  poolSpaces,
  type ResourceState,
  resourcesOf,
} from "../model.js";
import { disklessObstacle, place, tieBreakerNode, wantsTieBreaker } from "../placement.js";
import { addTieBreaker, adjustQuorum, initialise, newResource } from "./create.js";
import { addDisk } from "./toggle.js";

export interface ResourceRequest {
  flags?: string[] | undefined;
  props?: Properties | undefined;
}

/** Puts a resource on a node that the caller names: the rules of the group and AutoplaceTarget are not asked. */
export function createResource(cluster: Cluster, name: string, nodeName: string, request: ResourceRequest): Answer {
  const answer = cluster.answer(Operation.Create, Subject.Resource, { RscDfn: name });
  const details = `Node(s): '${nodeName}', Resource: '${name}'`;
  const definition = cluster.needDefinition(answer, name, details);
  const node = cluster.needNode(answer, nodeName, details);
  const flags = (request.flags ?? []).map((f) => f.toUpperCase());
  const diskless = flags.includes("DISKLESS") || flags.includes("DRBD_DISKLESS");
  if (definition.resources[keyOf(nodeName)] !== undefined)
    return answer.info(Code.ResourceExists, `A resource '${name}' on node '${nodeName}' already exists.`, {
      cause: "Resource already exists",
      details,
    });
  if (diskless && !hasDrbd(definition))
    answer.fail(
      Code.InvalidLayerStack,
      "The given storage pool is a diskless storage pool, but no layer from the given layer-list supports diskless " +
        "storage pools",
      { details, reported: true },
    );
  const pool = diskless ? undefined : poolFor(cluster, answer, definition, node, request, details);
  add(cluster, answer, definition, node, pool, details);
  return answer;
}

function poolFor(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  node: NodeState,
  request: ResourceRequest,
  details: string,
): string {
  const wanted = request.props?.["StorPoolName"] ?? cluster.filterOf(definition).storage_pool_list?.[0];
  if (wanted === undefined)
    return answer.fail(Code.NotFoundStoragePool, "The request names no storage pool, and neither does the group.", {
      details,
    });
  const everywhere = Object.values(cluster.state.nodes).some((n) => n.pools[keyOf(wanted)] !== undefined);
  if (!everywhere)
    return answer.fail(Code.NotFoundStoragePoolDefinition, `Storage pool definition '${wanted}' not found.`, {
      cause: `The specified storage pool definition '${wanted}' could not be found in the database`,
      details,
      correction: `Create a storage pool definition '${wanted}' first.`,
    });
  const pool = node.pools[keyOf(wanted)];
  const size = definition.volumes.reduce((sum, v) => sum + v.sizeKib, 0);
  const room = poolSpaces(cluster.state, hasDrbd(definition)).find(
    (s) => s.node === node.name && keyOf(s.pool) === keyOf(wanted),
  );
  if (pool === undefined || room === undefined || room.roomKib < size)
    return answer.fail(Code.NotFoundStoragePool, `Storage pool '${wanted}' on node '${node.name}' has no room.`, {
      details,
    });
  return pool.name;
}

/** Registers a resource and lets it and its peers come up. */
function add(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  node: NodeState,
  pool: string | undefined,
  ready: string,
): ResourceState {
  const { name } = definition;
  const resource = newResource(cluster, definition, node.name, pool);
  initialise(definition);
  answer
    .propertiesSet(Subject.Resource, ["StorPoolName"])
    .about(Subject.Resource, Code.Created, `New resource '${name}' on node '${node.name}' registered.`, {
      details: `Resource '${name}' on node '${node.name}' UUID is: ${resource.uuid}`,
      refs: { UUID: resource.uuid },
    });
  for (const { number } of definition.volumes)
    answer.about(
      Subject.Volume,
      Code.Created,
      `Volume with number '${number}' on resource '${name}' on node '${node.name}' successfully registered`,
      {
        details: `Volume UUID is: ${resource.volumeUuids[number] ?? ""}`,
        refs: { VlmNr: String(number), Node: node.name },
      },
    );
  addTieBreaker(cluster, answer, definition, cluster.filterOf(definition));
  adjustQuorum(answer, definition);
  const satellites = cluster.satellites(answer, definition);
  const operation = Operation.Create;
  for (const r of resourcesOf(definition)) {
    if (!isOnline(cluster.state, r.node)) {
      answer.notConnected(r.node);
      continue;
    }
    const mine = r === resource;
    satellites.visit(r, {
      operation,
      storage: mine ? StorageWord.Created : StorageWord.Resized,
      drbd: "adjusted",
      report: mine
        ? `Created resource '${name}' on '${r.node}'`
        : `Added peer(s) '${node.name}' to resource '${name}' on '${r.node}'`,
    });
  }
  if (hasDrbd(definition)) answer.say(Code.Created, `Resource '${name}' on '${node.name}' ready`, { details: ready });
  return resource;
}

/** Lets a node see a volume: a tie-breaker becomes a user's, else a resource is added, without a disk under DRBD. */
export function makeAvailable(cluster: Cluster, name: string, nodeName: string, diskful: boolean): Answer {
  const answer = cluster.answer(Operation.Create, Subject.Resource, { RscDfn: name, Node: nodeName });
  const details = `Node: ${nodeName}, Resource: '${name}'`;
  const definition = cluster.needDefinition(answer, name, details);
  const node = cluster.needNode(answer, nodeName, details);
  const existing = definition.resources[keyOf(nodeName)];
  if (existing !== undefined && (!diskful || !existing.diskless)) {
    existing.tieBreaker = false;
    return answer.say(Code.None, "Resource already deployed as requested");
  }
  const filter = cluster.filterOf(definition);
  const needsDisk = diskful || !hasDrbd(definition);
  if (!needsDisk) {
    const obstacle = disklessObstacle(cluster.state, definition, filter, node);
    if (obstacle?.kind === "noPool") noPool(answer, "diskless", node, details);
    if (obstacle?.kind === "undecidable") {
      const values = [...obstacle.values].map(([value, nodes]) => `${value}=[${nodes.join(", ")}]`).join(", ");
      answer.fail(
        Code.UndecidablePlacement,
        `The property in --replicas-on-same '${obstacle.key}' is already set on already deployed nodes with ` +
          `different values. Autoplacer cannot decide which value to continue with. Linstor found the following ` +
          `conflicting values: {${values}}`,
        { details: `Node(s): '${node.name}', Resource: '${definition.name}'`, reported: true },
      );
    }
    add(cluster, answer, definition, node, undefined, details);
    return answer;
  }
  const size = definition.volumes.reduce((sum, v) => sum + v.sizeKib, 0);
  const others = resourcesOf(definition)
    .filter((r) => !r.diskless)
    .map((r) => r.node);
  const rules = { ...filter, layer_stack: definition.layers, node_name_list: [node.name] };
  const [found] = place(cluster.state, rules, size, 1, others) ?? [];
  if (found === undefined) return noPool(answer, "diskful", node, details);
  if (existing === undefined) add(cluster, answer, definition, node, found.pool, details);
  else addDisk(cluster, answer, definition, existing, found.pool, "make-available");
  return answer;
}

function noPool(answer: Answer, kind: "diskless" | "diskful", node: NodeState, details: string): never {
  answer.fail(
    Code.NotFoundStoragePool,
    `Autoplacer could not find ${kind} stor pool on node ${node.name} matching resource-groups autoplace-settings`,
    { details },
  );
}

/** Takes a resource from a node. One without a disk stays as the tie-breaker where DRBD needs it. */
export function deleteResource(cluster: Cluster, name: string, nodeName: string): Answer {
  const answer = cluster.answer(Operation.Delete, Subject.Resource, { RscDfn: name, Node: nodeName });
  const details = `Node: ${nodeName}, Resource: ${name}`;
  const definition = cluster.definition(name);
  const resource = definition?.resources[keyOf(nodeName)];
  if (definition === undefined || resource === undefined)
    return answer.warn(Code.NotFound, `Node: ${nodeName}, Resource: ${name} not found.`, { details });
  if (resource.inUse)
    answer.fail(Code.InUse, `Resource '${name}' is still in use.`, {
      cause: "Resource is mounted/in use.",
      details,
      correction: `Un-mount resource '${name}' on the node '${nodeName}'.`,
    });
  return resource.diskless && keepsAsTieBreaker(cluster, definition, resource)
    ? takeOver(cluster, answer, definition, resource)
    : remove(cluster, answer, definition, resource, details);
}

function keepsAsTieBreaker(cluster: Cluster, definition: DefinitionState, resource: ResourceState): boolean {
  const { [keyOf(resource.node)]: _gone, ...others } = definition.resources;
  const without = { ...definition, resources: others };
  if (!wantsTieBreaker(without)) return false;
  const node = tieBreakerNode(cluster.state, without, cluster.filterOf(definition));
  return node !== undefined && isOnline(cluster.state, resource.node);
}

function takeOver(cluster: Cluster, answer: Answer, definition: DefinitionState, resource: ResourceState): Answer {
  resource.tieBreaker = true;
  answer.info(
    Code.TieBreakerTakeover,
    "The given resource will not be deleted but will be taken over as a linstor managed tiebreaker resource.",
  );
  const satellites = cluster.satellites(answer, definition);
  const others = resourcesOf(definition).filter((r) => r !== resource);
  for (const r of [resource, ...others])
    satellites.visit(r, {
      operation: Operation.Delete,
      storage: StorageWord.Resized,
      drbd: "adjusted",
      report: `Resource '${definition.name}' updated on node '${r.node}'`,
    });
  return answer;
}

function remove(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  resource: ResourceState,
  what: string,
): Answer {
  const { name } = definition;
  const satellites = cluster.satellites(answer, definition);
  const others = resourcesOf(definition).filter((r) => r !== resource && isOnline(cluster.state, r.node));
  const uuid = (tense: "is" | "was") => ({ details: `${what} UUID ${tense}: ${resource.uuid}` });
  const operation = Operation.Delete;
  const preparing = (node: string) => `Preparing deletion of resource on '${node}'`;
  if (hasDrbd(definition)) {
    answer.say(Code.Deleted, `${what} preparing for deletion.`, uuid("is"));
    satellites.visit(resource, { operation, drbd: "deleted", report: preparing(resource.node) });
    for (const r of others)
      satellites.visit(r, { operation, storage: StorageWord.Resized, drbd: "adjusted", report: preparing(r.node) });
  }
  answer.say(Code.Deleted, `${what} marked for deletion.`, uuid("is"));
  if (!isOnline(cluster.state, resource.node)) {
    resource.deleting = true;
    return answer.notConnected(resource.node);
  }
  const gone = `Cleaning up '${name}' on '${resource.node}'`;
  satellites.visit(resource, { operation, storage: StorageWord.Deleted, drbd: "none", report: gone });
  for (const r of others)
    satellites.visit(r, {
      operation,
      storage: StorageWord.Resized,
      drbd: "adjusted",
      report: `Notified '${r.node}' that '${name}' is being cleaned up on Node(s): [${resource.node}]`,
    });
  delete definition.resources[keyOf(resource.node)];
  return answer.say(Code.Deleted, `${what} deletion complete.`, uuid("was"));
}
