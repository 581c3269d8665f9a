import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refused } from "../../../stacks/local/linstor/answers.js";
import { Cluster } from "../../../stacks/local/linstor/cluster.js";
import { Connection, keyOf, poolSpaces, SYSTEM_SOURCES } from "../../../stacks/local/linstor/model.js";
import { deleteDefinition } from "../../../stacks/local/linstor/operations/definitions.js";
import { createGroup, createVolumeGroup, sizeInfo } from "../../../stacks/local/linstor/operations/groups.js";
import { createNode, createPool } from "../../../stacks/local/linstor/operations/nodes.js";
import { deleteResource, makeAvailable } from "../../../stacks/local/linstor/operations/resources.js";
import { spawn } from "../../../stacks/local/linstor/operations/spawn.js";
import { place } from "../../../stacks/local/linstor/placement.js";

interface NodeShape {
  capacityKib: number;
  zone: string;
  target?: boolean;
}

function clusterOf(shapes: NodeShape[], kind = "LVM"): Cluster {
  const cluster = new Cluster(SYSTEM_SOURCES);
  shapes.forEach(({ capacityKib, zone, target = true }, i) => {
    const name = `n${i + 1}`;
    const props = { "Aux/zone": zone, ...(target ? {} : { AutoplaceTarget: "false" }) };
    createNode(cluster, { name, type: "SATELLITE", props });
    createPool(cluster, name, { storage_pool_name: "pool", provider_kind: kind }, capacityKib);
  });
  createGroup(cluster, { name: "group", select_filter: { place_count: 2, layer_stack: ["DRBD", "STORAGE"] } });
  createVolumeGroup(cluster, "group", {});
  return cluster;
}

/** Does it, and says whether it was refused. */
function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

const spawnVolume = (cluster: Cluster, name: string, sizeKib: number, count = 2) =>
  attempt(() =>
    spawn(cluster, "group", {
      resource_definition_name: name,
      volume_sizes: [sizeKib],
      select_filter: { place_count: count },
    }),
  );

const nodeShape = fc.record({
  capacityKib: fc.integer({ min: 100, max: 5_000 }),
  zone: fc.constantFrom("a", "b", "c"),
  target: fc.boolean(),
});

describe("a placement", () => {
  test("puts replicas on distinct nodes that are online, are targets and have room", () => {
    const shapes = fc.array(nodeShape, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 4, max: 4_000 }), fc.integer({ min: 1, max: 4 }), (nodes, size, count) => {
        const cluster = clusterOf(nodes);
        const places = place(cluster.state, { layer_stack: ["DRBD", "STORAGE"] }, size, count);
        const able = nodes.filter((n) => n.target && n.capacityKib - 52 >= size).length;
        expect(places !== undefined).toBe(able >= count);
        if (places === undefined) return;
        const names = places.map((p) => p.node);
        expect(new Set(names).size).toBe(count);
        for (const name of names) {
          const shape = nodes[Number(name.slice(1)) - 1];
          expect(shape?.target).toBe(true);
          expect(shape?.capacityKib).toBeGreaterThanOrEqual(size + 52);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("keeps replicas in zones of their own wherever any choice can", () => {
    const shapes = fc.array(nodeShape, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 3 }), (nodes, count) => {
        const cluster = clusterOf(nodes);
        const places = place(cluster.state, { replicas_on_different: ["Aux/zone"] }, 4, count);
        const zones = new Set(nodes.filter((n) => n.target).map((n) => n.zone));
        expect(places !== undefined).toBe(zones.size >= count);
        const chosen = (places ?? []).map((p) => cluster.node(p.node)?.props["Aux/zone"]);
        expect(new Set(chosen).size).toBe(places === undefined ? 0 : count);
      }),
      { numRuns: 150 },
    );
  });

  test("keeps replicas in one zone where they must be on the same", () => {
    const cluster = clusterOf([
      { capacityKib: 9_000, zone: "a" },
      { capacityKib: 1_000, zone: "b" },
      { capacityKib: 1_000, zone: "b" },
    ]);
    const names = (rule: string, count: number) =>
      place(cluster.state, { replicas_on_same: [rule] }, 4, count)?.map((p) => p.node);
    expect(names("Aux/zone", 1)).toEqual(["n1"]);
    expect(names("Aux/zone", 2)).toEqual(["n2", "n3"]);
    expect(names("Aux/zone", 3)).toBeUndefined();
    expect(names("Aux/zone=a", 1)).toEqual(["n1"]);
    expect(names("Aux/zone=a", 2)).toBeUndefined();
  });

  test("prefers free space, then fewer resources, then the name; the same state gives the same places", () => {
    const nodes = [1_000, 3_000, 2_000].map((capacityKib) => ({ capacityKib, zone: "a" }));
    const names = (cluster: Cluster) => place(cluster.state, {}, 4, 3)?.map((p) => p.node);
    expect(names(clusterOf(nodes))).toEqual(["n2", "n3", "n1"]);
    expect(names(clusterOf(nodes.map(() => ({ capacityKib: 1_000, zone: "a" }))))).toEqual(["n1", "n2", "n3"]);
  });

  test("leaves out a node that is offline", () => {
    const cluster = clusterOf([1_000, 1_000].map((capacityKib) => ({ capacityKib, zone: "a" })));
    const node = cluster.node("n1");
    if (node !== undefined) node.connection = Connection.Offline;
    expect(place(cluster.state, {}, 4, 1)?.map((p) => p.node)).toEqual(["n2"]);
  });
});

describe("capacity", () => {
  const operation = fc.oneof(
    fc.record({
      op: fc.constant("spawn" as const),
      name: fc.integer({ min: 0, max: 5 }),
      sizeKib: fc.integer({ min: 4, max: 60_000 }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ op: fc.constant("delete" as const), name: fc.integer({ min: 0, max: 5 }) }),
    fc.record({
      op: fc.constantFrom("attach" as const, "addDisk" as const, "detach" as const),
      name: fc.integer({ min: 0, max: 5 }),
      node: fc.integer({ min: 1, max: 3 }),
    }),
  );

  test.each(["LVM", "LVM_THIN", "FILE_THIN"])("of %s pools is never given away twice, and comes back", (kind) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        const shape = { capacityKib: 2_000, zone: "a" };
        const cluster = clusterOf([shape, shape, shape], kind);
        for (const step of operations) {
          const name = `vol${step.name}`;
          if (step.op === "spawn") spawnVolume(cluster, name, step.sizeKib, step.count);
          else if (step.op === "delete") attempt(() => deleteDefinition(cluster, name));
          else if (step.op === "detach") attempt(() => deleteResource(cluster, name, `n${step.node}`));
          else attempt(() => makeAvailable(cluster, name, `n${step.node}`, step.op === "addDisk"));
          for (const space of poolSpaces(cluster.state)) {
            expect(space.freeKib).toBeGreaterThanOrEqual(0);
            expect(space.roomKib).toBeGreaterThanOrEqual(0);
          }
        }
        for (const definition of Object.values(cluster.state.definitions)) deleteDefinition(cluster, definition.name);
        expect(poolSpaces(cluster.state).map((s) => s.freeKib)).toEqual([2_000, 2_000, 2_000]);
      }),
      { numRuns: 60 },
    );
  });

  test("the largest volume that is named fits, and one of a KiB more does not", () => {
    const cluster = clusterOf([3_000, 2_000, 1_000].map((capacityKib) => ({ capacityKib, zone: "a" })));
    const max = sizeInfo(cluster, "group", undefined)?.maxVolumeKib ?? 0;
    expect(max).toBe(2_000 - 52);
    expect(spawnVolume(cluster, "too-big", max + 1)).toBe(false);
    expect(spawnVolume(cluster, "fits", max)).toBe(true);
  });

  test("a thin pool gives more than it has, up to twenty times", () => {
    const shape = { capacityKib: 1_000, zone: "a" };
    const cluster = clusterOf([shape, shape], "LVM_THIN");
    expect(spawnVolume(cluster, "v1", 15_000)).toBe(true);
    expect(spawnVolume(cluster, "v2", 5_001)).toBe(false);
    expect(spawnVolume(cluster, "v3", 5_000)).toBe(true);
  });

  test("a spawn that finds no room leaves nothing behind", () => {
    const cluster = clusterOf([{ capacityKib: 100, zone: "a" }]);
    expect(spawnVolume(cluster, "v1", 4)).toBe(false);
    expect(cluster.definition("v1")).toBeUndefined();
  });
});

describe("a tie-breaker", () => {
  const three = [1, 2, 3].map(() => ({ capacityKib: 1_000, zone: "a" }));
  const roles = (cluster: Cluster, name: string) =>
    Object.fromEntries(
      Object.values(cluster.state.definitions[keyOf(name)]?.resources ?? {}).map((r) => [
        r.node,
        r.tieBreaker ? "tie-breaker" : r.diskless ? "diskless" : "disk",
      ]),
    );

  test("comes with two replicas, and with no other number", () => {
    const cluster = clusterOf(three);
    for (const [name, count] of [
      ["one", 1],
      ["two", 2],
      ["three", 3],
    ] as const)
      spawnVolume(cluster, name, 4, count);
    expect(Object.values(roles(cluster, "one"))).toEqual(["disk"]);
    expect(Object.values(roles(cluster, "two")).sort()).toEqual(["disk", "disk", "tie-breaker"]);
    expect(Object.values(roles(cluster, "three"))).toEqual(["disk", "disk", "disk"]);
  });

  test("becomes a user's when its node attaches, and a tie-breaker again when it detaches", () => {
    const cluster = clusterOf(three);
    spawnVolume(cluster, "vol", 4);
    makeAvailable(cluster, "vol", "n3", false);
    expect(roles(cluster, "vol")["n3"]).toBe("diskless");
    deleteResource(cluster, "vol", "n3");
    expect(roles(cluster, "vol")["n3"]).toBe("tie-breaker");
  });
});
