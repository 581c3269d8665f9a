import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../../runtime/contract/index.js";
import { cassandraYaml, javaArguments, nodePaths } from "../../../stacks/local/cassandra/nodeFiles.js";
import { LOCAL_NODES, planChanges, planRing, type RingPlan } from "../../../stacks/local/cassandra/plan.js";
import { evenTokens } from "../../../stacks/local/cassandra/tokens.js";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";

interface Shape {
  clusterName?: unknown;
  size?: unknown;
  racks?: string[];
  yaml?: Record<string, unknown>;
  more?: Record<string, unknown>;
}

function cluster({ clusterName = "telemetry", size = 3, racks = ["a", "b", "c"], yaml = {}, more = {} }: Shape = {}) {
  const datacenter = {
    metadata: { name: "dc1" },
    size,
    racks: racks.map((name) => ({ name })),
    config: { cassandraYaml: yaml },
    ...more,
  };
  const spec = { auth: false, cassandra: { clusterName, serverVersion: "5.0.7", datacenters: [datacenter] } };
  return { apiVersion: "k8ssandra.io/v1alpha1", kind: "K8ssandraCluster", metadata: { name: "ring" }, spec };
}

function problemsOf(object: KubernetesObject): string[] {
  try {
    planRing(object);
    return [];
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems.map((p) => `${p.path} ${p.reason}`);
    throw error;
  }
}

const RING = 2n ** 64n;

/** Share of the ring that each node owns: the way from the token before each of its tokens. */
function ownership(plan: RingPlan): { rack: string; share: number }[] {
  const owned = plan.nodes.flatMap((node) => node.tokens.map((token) => ({ node, token: BigInt(token) })));
  owned.sort((a, b) => (a.token < b.token ? -1 : 1));
  const shares = new Map(plan.nodes.map((node) => [node, 0]));
  for (const [i, { node, token }] of owned.entries()) {
    const before = owned[(i + owned.length - 1) % owned.length]?.token ?? token;
    const way = owned.length === 1 ? RING : (token - before + RING) % RING;
    shares.set(node, (shares.get(node) ?? 0) + Number(way) / Number(RING));
  }
  return plan.nodes.map((node) => ({ rack: node.rack, share: shares.get(node) ?? 0 }));
}

const shapes = fc.record({
  size: fc.integer({ min: LOCAL_NODES.min, max: LOCAL_NODES.max }),
  racks: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/), { minLength: 1, maxLength: 5 }),
  tokens: fc.integer({ min: 1, max: 64 }),
});
const planOf = ({ size, racks, tokens }: { size: number; racks: string[]; tokens: number }) =>
  planRing(cluster({ size, racks, yaml: { num_tokens: tokens } }));

describe("tokens", () => {
  it("are distinct int64 values, never the reserved one, as many as each node has", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const plan = planOf(shape);
        const all = plan.nodes.flatMap((node) => node.tokens.map(BigInt));
        expect(new Set(all).size).toBe(shape.size * shape.tokens);
        expect(plan.nodes.every((node) => node.tokens.length === shape.tokens)).toBe(true);
        expect(all.every((token) => token > -(2n ** 63n) && token < 2n ** 63n)).toBe(true);
      }),
    );
  });

  it("give every node the same share, and racks of the same size the same", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const shares = ownership(planOf(shape));
        for (const { share } of shares) expect(share).toBeCloseTo(1 / shape.size, 9);
        const nodes = (rack: string) => shares.filter((each) => each.rack === rack);
        const sizes = shape.racks.map((rack) => nodes(rack).length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("let neighbours on the ring stand in different racks wherever there are several of one size", () => {
    const plan = planOf({ size: 6, racks: ["a", "b", "c"], tokens: 8 });
    const order = plan.nodes.flatMap((node) => node.tokens.map((token) => ({ token: BigInt(token), rack: node.rack })));
    order.sort((a, b) => (a.token < b.token ? -1 : 1));
    for (const [i, { rack }] of order.entries()) expect(order[(i + 1) % order.length]?.rack).not.toBe(rack);
  });

  it("of two datacenters never meet", () => {
    const [one, two] = [evenTokens(3, 16), evenTokens(3, 16, 1)];
    expect(new Set([...one, ...two].flat()).size).toBe(96);
  });
});

describe("a plan", () => {
  it("has the rendered names, and one seed a rack, three at most", () => {
    const plan = planRing(cluster({ clusterName: "Field Trial", size: 8, racks: ["a", "b", "c", "d"] }));
    expect(plan).toMatchObject({ clusterName: "Field Trial", datacenter: "dc1", stopped: false, notHonoured: [] });
    expect(plan.nodes.map((node) => node.rack)).toEqual(["a", "b", "c", "d", "a", "b", "c", "d"]);
    expect(plan.nodes.filter((node) => node.seed).map((node) => node.index)).toEqual([0, 1, 2]);
    expect(plan.nodes[0]?.tokens).toHaveLength(16);
  });

  it("reads a CassandraDatacenter as well, with cass-operator's default rack", () => {
    const plan = planRing({
      apiVersion: "cassandra.datastax.com/v1beta1",
      kind: "CassandraDatacenter",
      metadata: { name: "west" },
      spec: {
        clusterName: "telemetry",
        serverType: "cassandra",
        serverVersion: "5.0.7",
        size: 2,
        config: { "cassandra-yaml": { num_tokens: 4, authenticator: "AllowAllAuthenticator" } },
      },
    });
    expect(plan).toMatchObject({ clusterName: "telemetry", datacenter: "west", notHonoured: [] });
    expect(plan.nodes.map(({ rack, tokens }) => [rack, tokens.length])).toEqual([
      ["default", 4],
      ["default", 4],
    ]);
  });

  it("takes the cluster's settings and racks where the datacenter has none of its own", () => {
    const object = cluster({ racks: [], size: 2 });
    Object.assign(object.spec.cassandra, {
      racks: [{ name: "x" }, { name: "y" }],
      config: { cassandraYaml: { num_tokens: 2, paxos_variant: "v2" } },
    });
    const plan = planRing(object);
    expect(plan.nodes.map((node) => node.rack)).toEqual(["x", "y"]);
    expect(plan.nodes[0]).toMatchObject({ settings: { paxos_variant: "v2" } });
    expect(plan.nodes[0]?.tokens).toHaveLength(2);
  });

  it("names everything that does not come true here, with the reason", () => {
    const object = cluster({
      size: 2,
      yaml: {
        role_manager: "Own",
        roles_validity: "1s",
        key_cache_size: "1GiB",
        tables_warn_threshold: 5,
        nonsense: 1,
      },
      more: { storageConfig: {}, resources: {}, softPodAntiAffinity: false },
    });
    Object.assign(object.spec, { reaper: {}, medusa: {} });
    Object.assign(object.spec.cassandra, { serverVersion: "4.1.5", users: [] });
    const dc = "spec.cassandra.datacenters.0";
    expect(planRing(object).notHonoured.sort()).toEqual(
      [
        "serverVersion 4.1.5: the local ring runs 5.0.7",
        "spec.reaper: repairs are not run locally",
        "spec.medusa: backups are not taken locally",
        "spec.cassandra.users: the operator's users are not made locally",
        `${dc}.storageConfig: the nodes keep their data in a folder of the run`,
        `${dc}.resources: a node gets a small heap of its own`,
        `${dc}.softPodAntiAffinity: every node runs on this machine`,
        `${dc}.racks: c has no node with a size of 2`,
        `${dc}.config.cassandraYaml.role_manager: the local ring has Cassandra's own`,
        `${dc}.config.cassandraYaml.roles_validity: the ring asks for no password`,
        `${dc}.config.cassandraYaml.key_cache_size: the nodes share this machine's memory`,
        `${dc}.config.cassandraYaml.tables_warn_threshold: guardrails spare superusers, and without passwords everyone is one`,
        `${dc}.config.cassandraYaml.nonsense: it is unknown here`,
      ].sort(),
    );
  });

  it("is refused with every problem at once", () => {
    const object = cluster({ clusterName: "", size: 10, racks: ["a", "a"], yaml: { num_tokens: 0 } });
    Object.assign(object.spec.cassandra, { serverType: "dse" });
    const dc = "spec.cassandra.datacenters.0";
    expect(problemsOf(object)).toEqual([
      "clusterName must be a name",
      "serverType must be cassandra locally",
      `${dc}.size must be a whole number from 1 to 9 locally`,
      `${dc}.racks must have different names`,
      `${dc}.config.cassandraYaml.num_tokens must be a whole number from 1 to 256 locally`,
    ]);
    expect(problemsOf({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" } })).toEqual(["kind is not a ring"]);
  });
});

describe("a change", () => {
  const base = planRing(cluster());
  it("of what the ring is not made of is none", () => {
    expect(planChanges(base, planRing(cluster({ more: { resources: {} } })))).toEqual([]);
  });
  it.each<[string, Shape, RegExp]>([
    ["the name", { clusterName: "other" }, /cluster name cannot change from telemetry to other/],
    ["the racks", { racks: ["a", "b", "d"] }, /racks cannot change/],
    ["the size", { size: 6 }, /number of nodes cannot change from 3 to 6/],
    ["the tokens", { yaml: { num_tokens: 8 } }, /num_tokens cannot change from 16 to 8/],
    ["a setting", { yaml: { paxos_variant: "v2" } }, /cassandra.yaml cannot change/],
  ])("of %s is named", (_what, shape, expected) => {
    expect(planChanges(base, planRing(cluster(shape)))).toEqual([expect.stringMatching(expected)]);
  });
});

describe("cassandra.yaml", () => {
  it("has the plan's values and the rendered settings, and no other address than the node's own", () => {
    const plan = planRing(cluster({ yaml: { commitlog_sync: "batch", write_request_timeout: "3s" } }));
    const [, node] = plan.nodes;
    if (node === undefined) throw new Error("the plan has no second node");
    expect(cassandraYaml(plan, node, "127.0.9", "/data")).toMatchObject({
      cluster_name: "telemetry",
      num_tokens: 16,
      initial_token: node.tokens.join(","),
      listen_address: "127.0.9.2",
      rpc_address: "127.0.9.2",
      endpoint_snitch: "GossipingPropertyFileSnitch",
      commitlog_sync: "batch",
      write_request_timeout: "3s",
      seed_provider: [{ parameters: [{ seeds: "127.0.9.1,127.0.9.2,127.0.9.3" }] }],
    });
    expect(cassandraYaml(plan, node, "127.0.9", "/data")).not.toHaveProperty("commitlog_sync_period");
  });

  it("gives nodes that hold the same rows memtables that are not full at the same moment", () => {
    const plan = planRing(cluster());
    const heaps = plan.nodes.map((node) => cassandraYaml(plan, node, "127.0.9", "/data")["memtable_heap_space"]);
    expect(heaps).toEqual(["36MiB", "48MiB", "60MiB"]);
  });
});

it("a node's code is optimised where the ring is to stay, and else compiled once, quickly", () => {
  const quick = "-XX:TieredStopAtLevel=1";
  const of = (optimized: boolean) => javaArguments(nodePaths("/ring", 0), { lib: "/lib", nodes: 3, optimized });
  expect(of(false)).toContain(quick);
  expect(of(true)).toEqual(of(false).filter((argument) => argument !== quick));
});
