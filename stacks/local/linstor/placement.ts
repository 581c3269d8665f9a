import {
  type ClusterState,
  Connection,
  type DefinitionState,
  diskfulOf,
  inOrder,
  keyOf,
  Layer,
  type NodeState,
  type PoolSpace,
  poolSpaces,
  type ResourceState,
  resourcesOf,
  type SelectFilter,
} from "./model.js";

/** LINSTOR's default weights of the autoplacer; the others are 0. */
export const DEFAULT_WEIGHTS = { freeSpace: 1, resourceCount: 0.00001 };

/** A pool that was chosen for a replica. */
export interface Place {
  node: string;
  pool: string;
  kind: string;
}

/** `Aux/zone` or `Aux/zone=az1`. */
function splitProperty(text: string): { key: string; value?: string } {
  const at = text.indexOf("=");
  return at < 0 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

function weightsOf(state: ClusterState): { freeSpace: number; resourceCount: number } {
  const read = (name: string, otherwise: number) => {
    const text = state.props[`Autoplacer/Weights/${name}`];
    return text === undefined ? otherwise : Number(text);
  };
  return {
    freeSpace: read("MaxFreeSpace", DEFAULT_WEIGHTS.freeSpace),
    resourceCount: read("MinRscCount", DEFAULT_WEIGHTS.resourceCount),
  };
}

/** Whether the autoplacer may use a node by itself. */
function isTarget(node: NodeState): boolean {
  return node.connection === Connection.Online && node.props["AutoplaceTarget"]?.toLowerCase() !== "false";
}

function hasFixedValues(node: NodeState, onSame: readonly string[]): boolean {
  return onSame.map(splitProperty).every(({ key, value }) => value === undefined || node.props[key] === value);
}

/** Pools that a filter allows, best first: the weighted sum of free space and of few resources, ties by node and pool. */
export function candidates(state: ClusterState, filter: SelectFilter, sizeKib: number): PoolSpace[] {
  const drbd = (filter.layer_stack ?? [Layer.Drbd]).includes(Layer.Drbd);
  const named = filter.node_name_list?.map(keyOf);
  const pools = filter.storage_pool_list?.map(keyOf);
  const fitting = poolSpaces(state, drbd).filter((space) => {
    const node = state.nodes[keyOf(space.node)];
    return (
      node !== undefined &&
      isTarget(node) &&
      hasFixedValues(node, filter.replicas_on_same ?? []) &&
      (named === undefined || named.length === 0 || named.includes(keyOf(space.node))) &&
      (pools === undefined || pools.length === 0 || pools.includes(keyOf(space.pool))) &&
      (filter.provider_list === undefined || filter.provider_list.includes(space.kind)) &&
      space.roomKib >= sizeKib
    );
  });
  const weights = weightsOf(state);
  const mostFree = Math.max(1, ...fitting.map((s) => s.freeKib));
  const mostResources = Math.max(1, ...fitting.map((s) => s.resources));
  const score = (s: PoolSpace) =>
    (weights.freeSpace * s.freeKib) / mostFree + weights.resourceCount * (1 - s.resources / mostResources);
  return fitting
    .map((space) => ({ space, score: score(space) }))
    .sort((a, b) => b.score - a.score)
    .map(({ space }) => space);
}

/**
 * Places for `count` replicas of `sizeKib` on distinct nodes, best first by weight and then by name;
 * undefined where there are not so many. `taken` are nodes that hold the resource already.
 */
export function place(
  state: ClusterState,
  filter: SelectFilter,
  sizeKib: number,
  count: number,
  taken: readonly string[] = [],
): Place[] | undefined {
  const nodesTaken = taken.flatMap((name) => state.nodes[keyOf(name)] ?? []);
  const fits = (chosen: NodeState[], node: NodeState) => {
    const others = [...nodesTaken, ...chosen];
    const value = (text: string, of: NodeState) => of.props[splitProperty(text).key];
    return (
      !others.includes(node) &&
      (filter.replicas_on_same ?? []).every((text) => others.every((o) => value(text, o) === value(text, node))) &&
      (filter.replicas_on_different ?? []).every((text) =>
        others.every((o) => value(text, node) === undefined || value(text, o) !== value(text, node)),
      )
    );
  };
  const spaces = candidates(state, filter, sizeKib);
  const search = (from: number, chosen: { space: PoolSpace; node: NodeState }[]): Place[] | undefined => {
    if (chosen.length === count) return chosen.map(({ space: { node, pool, kind } }) => ({ node, pool, kind }));
    for (let i = from; i < spaces.length && spaces.length - i >= count - chosen.length; i++) {
      const space = spaces[i];
      const node = space === undefined ? undefined : state.nodes[keyOf(space.node)];
      if (space === undefined || node === undefined) continue;
      const allowed = fits(
        chosen.map((c) => c.node),
        node,
      );
      const found = allowed ? search(i + 1, [...chosen, { space, node }]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(0, []);
}

/** The largest volume that `count` replicas of could be placed now, in KiB, and where; undefined without enough nodes. */
export function largest(
  state: ClusterState,
  filter: SelectFilter,
  count: number,
): { sizeKib: number; places: Place[] } | undefined {
  const sizes = [...new Set(candidates(state, filter, 0).map((s) => s.roomKib))].sort((a, b) => b - a);
  for (const sizeKib of sizes) {
    const places = place(state, filter, sizeKib, count);
    if (places !== undefined) return { sizeKib, places };
  }
  return undefined;
}

/** True where DRBD wants a third, diskless vote: two replicas and nobody else. */
export function wantsTieBreaker(definition: DefinitionState): boolean {
  return (
    definition.layers.includes(Layer.Drbd) && diskfulOf(definition).length === 2 && resourcesOf(definition).length === 2
  );
}

/** The node for a tie-breaker: the one with the fewest resources that the group's rules allow; undefined if none is left. */
export function tieBreakerNode(
  state: ClusterState,
  definition: DefinitionState,
  filter: SelectFilter,
): NodeState | undefined {
  const counts = new Map<string, number>();
  for (const { resources } of Object.values(state.definitions))
    for (const node of Object.keys(resources)) counts.set(node, (counts.get(node) ?? 0) + 1);
  return inOrder(state.nodes)
    .filter(
      (node) =>
        isTarget(node) &&
        definition.resources[keyOf(node.name)] === undefined &&
        hasFixedValues(node, filter.replicas_on_same ?? []),
    )
    .sort((a, b) => (counts.get(keyOf(a.name)) ?? 0) - (counts.get(keyOf(b.name)) ?? 0))[0];
}

/** Why a node cannot see a resource without a disk; undefined where it can. */
export type DisklessObstacle = { kind: "noPool" } | { kind: "undecidable"; key: string; values: Map<string, string[]> };

/** Checks the rules of the group for a replica without a disk on `node`. */
export function disklessObstacle(
  state: ClusterState,
  definition: DefinitionState,
  filter: SelectFilter,
  node: NodeState,
): DisklessObstacle | undefined {
  if (!isTarget(node)) return { kind: "noPool" };
  for (const text of filter.replicas_on_same ?? []) {
    const { key } = splitProperty(text);
    const values = new Map<string, string[]>();
    const deployed: ResourceState[] = resourcesOf(definition);
    for (const name of [...deployed.map((r) => r.node), node.name]) {
      const value = state.nodes[keyOf(name)]?.props[key];
      if (value !== undefined) values.set(value, [...(values.get(value) ?? []), name]);
    }
    if (values.size > 1) return { kind: "undecidable", key, values };
  }
  return undefined;
}
