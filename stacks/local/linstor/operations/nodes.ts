import type { Answer } from "../answers.js";
import { StorageWord } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import { Connection, hasDrbd, inOrder, keyOf, type NodeState, PROVIDERS, type Properties } from "../model.js";
import { applyProperties, type PropertyChange } from "../properties.js";

const NODE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const POOL_NAME = /^[A-Za-z_][A-Za-z0-9_-]{2,47}$/;
/** LINSTOR's own port of satellites. */
const SATELLITE_PORT = 3366;
const LAYERS = "drbd, storage";

export interface NodeRequest {
  name: string;
  type: string;
  props?: Properties | undefined;
  net_interfaces?:
    | {
        name: string;
        address: string;
        satellite_port?: number | undefined;
        satellite_encryption_type?: string | undefined;
      }[]
    | undefined;
}

export function createNode(cluster: Cluster, request: NodeRequest): Answer {
  const { name } = request;
  const answer = cluster.answer(Operation.Create, Subject.Node, { Node: name });
  if (!NODE_NAME.test(name) || name.length > 255)
    answer.fail(Code.InvalidNodeName, `The given node name '${name}' is invalid.`, {
      cause: "A node's name is a host name: letters, digits, - and .",
      details: `Node: ${name}`,
      reported: true,
    });
  if (cluster.node(name) !== undefined)
    answer.fail(Code.ExistsNode, `Registration of node '${name}' failed.`, {
      cause: `A node with the specified name '${name}' already exists.`,
      details: `Node: ${name}`,
      correction: "Choose another name, or delete the node that has it.",
    });
  const node: NodeState = {
    name,
    type: request.type.toUpperCase(),
    uuid: cluster.uuid(),
    props: { ...request.props, CurStltConnName: "default", NodeUname: name },
    interfaces: (request.net_interfaces ?? []).map((net) => ({
      name: net.name,
      address: net.address,
      port: net.satellite_port ?? SATELLITE_PORT,
      encryption: net.satellite_encryption_type ?? "PLAIN",
      uuid: cluster.uuid(),
    })),
    connection: Connection.Online,
    pools: {},
    disklessUuid: cluster.uuid(),
  };
  cluster.state.nodes[keyOf(name)] = node;
  return answer
    .propertiesSet(Subject.Node, Object.keys(request.props ?? {}))
    .say(Code.Created, `New node '${name}' registered.`, {
      details: `Node '${name}' UUID is: ${node.uuid}`,
      refs: { UUID: node.uuid },
    })
    .say(Code.Authenticated, `Node '${name}' authenticated`, {
      details:
        `Supported storage providers: [diskless, ${Object.keys(PROVIDERS).join(", ").toLowerCase()}]\n` +
        `Supported resource layers  : [${LAYERS}]\n`,
    });
}

export function modifyNode(cluster: Cluster, name: string, change: PropertyChange): Answer {
  const answer = cluster.answer(Operation.Modify, Subject.Node, { Node: name });
  const node = cluster.needNode(answer, name, `Node: ${name}`);
  applyProperties(answer, Subject.Node, node.props, change, `Node: ${name}`);
  answer.say(Code.Modified, `Node '${node.name}' modified.`, {
    details: `Node '${node.name}' UUID is: ${node.uuid}`,
    refs: { UUID: node.uuid },
  });
  const shared = Object.values(cluster.state.definitions).filter((d) => d.resources[keyOf(name)] !== undefined);
  const told = inOrder(cluster.state.nodes).filter(
    (n) => n === node || shared.some((d) => d.resources[keyOf(n.name)] !== undefined),
  );
  for (const each of told) {
    if (each.connection !== Connection.Online) {
      answer.notConnected(each.name);
      continue;
    }
    answer.say(Code.Modified, `(${each.name}) Node changes applied.`);
    for (const definition of inOrder(cluster.state.definitions)) {
      const resource = definition.resources[keyOf(each.name)];
      if (resource === undefined) continue;
      const drbd = hasDrbd(definition) ? "adjusted" : "none";
      cluster
        .satellites(answer, definition)
        .visit(resource, { operation: Operation.Modify, storage: StorageWord.Resized, drbd });
    }
  }
  return answer;
}

/** Deletes a node without resources; undefined where it has some, which the stand-in does not model. */
export function deleteNode(cluster: Cluster, name: string): Answer | undefined {
  const answer = cluster.answer(Operation.Delete, Subject.Node, { Node: name });
  const node = cluster.node(name);
  if (node === undefined) return answer.warn(Code.NotFound, `Node '${name}' not found.`, { details: `Node: ${name}` });
  if (Object.values(cluster.state.definitions).some((d) => d.resources[keyOf(name)] !== undefined)) return undefined;
  delete cluster.state.nodes[keyOf(name)];
  return answer.say(Code.Deleted, `Node '${node.name}' deleted.`, {
    details: `Node '${node.name}' UUID was: ${node.uuid}`,
  });
}

/** Asks the controller to connect again. In this stand-in a satellite comes back by the test's hand only. */
export function reconnectNode(cluster: Cluster, name: string): Answer {
  const answer = cluster.answer(Operation.Modify, Subject.Node, { Node: name });
  const node = cluster.needNode(answer, name, `Node: ${name}`);
  answer.say(Code.None, `Nodes [${node.name}] will be reconnected.`);
  return node.connection === Connection.Online ? answer : answer.notConnected(node.name);
}

export interface PoolRequest {
  storage_pool_name: string;
  provider_kind: string;
  props?: Properties | undefined;
}

export function createPool(cluster: Cluster, nodeName: string, request: PoolRequest, capacityKib: number): Answer {
  const { storage_pool_name: name, provider_kind: kind } = request;
  const refs = { StorPoolDfn: name, Node: nodeName };
  const answer = cluster.answer(Operation.Create, Subject.StoragePool, refs);
  const details = `Node: ${nodeName}, Storage pool name: ${name}`;
  if (!POOL_NAME.test(name))
    answer.fail(Code.InvalidStoragePoolName, `The given storage pool name '${name}' is invalid.`, { details });
  const node = cluster.needNode(answer, nodeName, details);
  if (PROVIDERS[kind] === undefined)
    answer.fail(Code.InvalidProvider, `The stand-in has no provider '${kind}'.`, {
      details,
      correction: `Use one of ${Object.keys(PROVIDERS).join(", ")}.`,
    });
  if (node.pools[keyOf(name)] !== undefined)
    answer.fail(Code.ExistsStoragePool, `A storage pool '${name}' on node '${nodeName}' already exists.`, { details });
  const { "StorDriver/FileDir": folder, ...props } = request.props ?? {};
  const place = folder === undefined ? {} : { "StorDriver/StorPoolName": folder };
  const pool = {
    name,
    kind,
    uuid: cluster.uuid(),
    props: { ...props, ...place, "StorDriver/internal/AllocationGranularity": "1" },
    capacityKib,
  };
  node.pools[keyOf(name)] = pool;
  return answer
    .propertiesSet(Subject.StoragePool, ["StorDriver/StorPoolName"])
    .say(Code.Created, `New storage pool '${name}' on node '${node.name}' registered.`, {
      details: `Storage pool '${name}' on node '${node.name}' UUID is: ${pool.uuid}`,
      refs: { UUID: pool.uuid },
    })
    .say(Code.Modified, `(${node.name}) Changes applied to storage pool '${name}' of node '${node.name}'`)
    .say(Code.Modified, `Storage pool updated on '${node.name}'`);
}

/** Deletes a pool without resources; undefined where it has some, which the stand-in does not model. */
export function deletePool(cluster: Cluster, nodeName: string, name: string): Answer | undefined {
  const answer = cluster.answer(Operation.Delete, Subject.StoragePool, { StorPoolDfn: name, Node: nodeName });
  const details = `Node: ${nodeName}, Storage pool name: ${name}`;
  const node = cluster.needNode(answer, nodeName, details);
  const pool = node.pools[keyOf(name)];
  if (pool === undefined) return answer.warn(Code.NotFound, `Storage pool '${name}' not found.`, { details });
  const used = Object.values(cluster.state.definitions).some((d) => {
    const resource = d.resources[keyOf(nodeName)];
    return resource !== undefined && keyOf(resource.pool) === keyOf(name);
  });
  if (used) return undefined;
  delete node.pools[keyOf(name)];
  return answer.say(Code.Deleted, `Storage pool '${pool.name}' on node '${node.name}' deleted.`, {
    details: `Storage pool '${pool.name}' on node '${node.name}' UUID was: ${pool.uuid}`,
  });
}
