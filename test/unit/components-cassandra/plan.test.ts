import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cleanName,
  datacentersOf,
  keyspaceReplication,
  needed,
  replicationWarnings,
  serviceName,
  survival,
  survivals,
} from "../../../components/cassandra/index.js";
import { mostReplicas, type PlannedDatacenter } from "../../../components/cassandra/plan.js";
import { Consistency } from "../../../runtime/contract/index.js";
import { racksOf, ringArgs } from "./args.js";
import { type Placed, replicasOfEachRange } from "./topology.js";

const { LocalOne, LocalQuorum, Quorum, EachQuorum, All } = Consistency;
const zones = ["z1", "z2", "z3"];
/** Racks, nodes a rack. */
const shape = (racks: number, each: number, zoneOf: string[] = zones) => ({
  size: racks * each,
  racks: racksOf(racks, zoneOf),
});

/** A ring of one datacenter. */
const alone = (ring: ReturnType<typeof shape>, replication: { [keyspace: string]: number }): PlannedDatacenter[] => [
  { name: "dc1", shape: ring, replication },
];

/** shape, replicas, consistency; needed, nodes that may go, any rack, any zone. */
const table: [string, ReturnType<typeof shape>, number, Consistency, number, number, boolean, boolean][] = [
  ["3 racks, RF 3", shape(3, 1), 3, LocalOne, 1, 2, true, true],
  ["3 racks, RF 3", shape(3, 1), 3, LocalQuorum, 2, 1, true, true],
  ["3 racks, RF 3", shape(3, 1), 3, Quorum, 2, 1, true, true],
  ["3 racks, RF 3", shape(3, 1), 3, EachQuorum, 2, 1, true, true],
  ["3 racks, RF 3", shape(3, 1), 3, All, 3, 0, false, false],
  ["3 racks of 3, RF 3", shape(3, 3), 3, LocalQuorum, 2, 1, true, true],
  ["3 racks of 3, RF 5", shape(3, 3), 5, LocalQuorum, 3, 2, false, false],
  ["3 racks of 2, RF 5", shape(3, 2), 5, LocalQuorum, 3, 2, true, true],
  ["1 rack, RF 3", shape(1, 3), 3, LocalQuorum, 2, 1, false, false],
  ["1 rack, RF 1", shape(1, 1), 1, LocalQuorum, 1, 0, false, false],
  ["2 racks, RF 2", shape(2, 1), 2, LocalQuorum, 2, 0, false, false],
  ["2 racks, RF 2", shape(2, 1), 2, LocalOne, 1, 1, true, true],
  ["2 racks of 2, RF 3", shape(2, 2), 3, LocalQuorum, 2, 1, false, false],
  ["3 racks in 2 zones, RF 3", shape(3, 1, ["z1", "z1", "z2"]), 3, LocalQuorum, 2, 1, true, false],
  ["3 racks without zones, RF 3", shape(3, 1, []), 3, LocalQuorum, 2, 1, true, false],
  ["5 racks in 5 zones, RF 5", shape(5, 1, ["a", "b", "c", "d", "e"]), 5, LocalQuorum, 3, 2, true, true],
];

describe("what survives", () => {
  it.each(table)("%s: %s", (_what, ring, replicas, consistency, need, nodes, anyRack, anyZone) => {
    const row = survival(alone(ring, { k: replicas }), "k", consistency);
    expect([row.needed, row.nodes, row.anyRack, row.anyZone]).toEqual([need, nodes, anyRack, anyZone]);
  });

  it("says so in a sentence, the loss first", () => {
    const said = (ring: ReturnType<typeof shape>, replicas: number, consistency: Consistency) =>
      survival(alone(ring, { telemetry: replicas }), "telemetry", consistency).sentence;
    expect(said(shape(3, 1), 3, LocalQuorum)).toBe(
      "telemetry: LOCAL_QUORUM survives the loss of any one zone, any one rack, any 1 node; it waits for 2 of 3 replicas",
    );
    expect(said(shape(3, 1), 3, All)).toBe("telemetry: ALL survives no loss; it waits for 3 of 3 replicas");
    expect(said(shape(3, 1, ["z1", "z1", "z2"]), 3, LocalQuorum)).toBe(
      "telemetry: LOCAL_QUORUM survives the loss of any one rack, any 1 node, but not of zone z1; it waits for 2 of 3 replicas",
    );
    expect(said(shape(1, 1), 1, LocalQuorum)).toBe(
      "telemetry: LOCAL_QUORUM survives no loss; it waits for 1 of 1 replica",
    );
  });

  it("is told for every keyspace at every consistency level", () => {
    const rows = survivals(datacentersOf(ringArgs({ replication: { b: 3, a: 1 } })));
    expect(rows.map((row) => [row.keyspace, row.consistency])).toEqual(
      ["a", "b"].flatMap((keyspace) => Object.values(Consistency).map((consistency) => [keyspace, consistency])),
    );
  });

  it("never promises more than NetworkTopologyStrategy keeps, whatever the order of tokens, and no less than its worst", () => {
    const rings = fc
      .record({
        racks: fc.integer({ min: 1, max: 4 }),
        each: fc.integer({ min: 1, max: 3 }),
        lost: fc.integer({ min: 1, max: 4 }),
      })
      .chain(({ racks, each, lost }) => {
        const nodes = Array.from(
          { length: racks * each },
          (_, i): Placed => ({ rack: `r${(i % racks) + 1}`, node: i }),
        );
        return fc.record({
          racks: fc.constant(racks),
          each: fc.constant(each),
          lost: fc.constant(Math.min(lost, racks)),
          replicas: fc.integer({ min: 1, max: racks * each }),
          ring: fc.shuffledSubarray([...nodes, ...nodes], { minLength: 2 * nodes.length }),
        });
      });
    fc.assert(
      fc.property(rings, ({ racks, each, lost, replicas, ring }) => {
        const gone = new Set(Array.from({ length: lost }, (_, i) => `r${i + 1}`));
        const most = mostReplicas(shape(racks, each), replicas, lost);
        for (const chosen of replicasOfEachRange(ring, replicas)) {
          expect(new Set(chosen.map((each) => each.node)).size).toBe(replicas);
          expect(chosen.filter((each) => gone.has(each.rack)).length).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: 300 },
    );
    // The worst is reached: with the nodes of the lost racks in a row, their range has as many replicas there as is said.
    for (const [racks, each, replicas] of [
      [2, 2, 3],
      [3, 3, 5],
      [3, 2, 4],
      [1, 3, 3],
    ] as const) {
      const ring = Array.from(
        { length: racks * each },
        (_, i): Placed => ({ rack: `r${Math.floor(i / each) + 1}`, node: i }),
      );
      const held = replicasOfEachRange(ring, replicas).map(
        (chosen) => chosen.filter((node) => node.rack === "r1").length,
      );
      expect(Math.max(...held)).toBe(mostReplicas(shape(racks, each), replicas, 1));
    }
  });

  it("needs a majority for a quorum, and every replica for ALL", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (replicas) => {
        expect(needed(LocalQuorum, replicas) * 2).toBeGreaterThan(replicas);
        expect((needed(LocalQuorum, replicas) - 1) * 2).toBeLessThanOrEqual(replicas);
        expect(needed(All, replicas)).toBe(replicas);
      }),
    );
  });
});

describe("what survives in several datacenters", () => {
  const here = { name: "west", shape: shape(3, 1), replication: { k: 3 } };
  const there = { name: "north", shape: shape(3, 1, ["n1", "n2", "n3"]), replication: { k: 3 } };
  const rows: [string, PlannedDatacenter[], Consistency, number, number, string[], string[]][] = [
    ["two of three replicas", [here, there], LocalOne, 1, 2, [], []],
    ["two of three replicas", [here, there], LocalQuorum, 2, 1, [], []],
    ["two of three replicas", [here, there], Quorum, 4, 2, ["north"], []],
    ["two of three replicas", [here, there], EachQuorum, 4, 1, ["north"], []],
    [
      "two of three replicas",
      [here, there],
      All,
      6,
      0,
      ["north"],
      ["west/r1", "west/r2", "west/r3", "north/r1", "north/r2", "north/r3"],
    ],
    [
      "three, of which two are elsewhere",
      [here, { name: "a", replication: { k: 3 } }, { name: "b", replication: { k: 3 } }],
      Quorum,
      5,
      4,
      [],
      [],
    ],
    ["one that has no copy", [here, { ...there, replication: {} }], EachQuorum, 2, 1, [], []],
  ];
  it.each(rows)("%s: %#", (_what, ring, consistency, need, nodes, fatalDatacenters, fatalRacks) => {
    const row = survival(ring, "k", consistency);
    expect([row.needed, row.nodes, row.fatalDatacenters, row.fatalRacks]).toEqual([
      need,
      nodes,
      fatalDatacenters,
      fatalRacks,
    ]);
  });

  it("says so in a sentence", () => {
    expect(survival([here, there], "k", LocalQuorum).sentence).toBe(
      "k: LOCAL_QUORUM survives the loss of any one other datacenter, any one zone, any one rack, any 1 node; " +
        "it waits for 2 of 6 replicas",
    );
    expect(survival([here, there], "k", Quorum).sentence).toBe(
      "k: QUORUM survives the loss of any one zone, any one rack, any 2 nodes, but not of datacenter north; " +
        "it waits for 4 of 6 replicas",
    );
  });

  it("loses a zone in every datacenter that is in it", () => {
    const same = { ...there, shape: shape(3, 1) };
    expect(survival([here, there], "k", Quorum).fatalZones).toEqual([]);
    expect(survival([here, same], "k", Quorum).fatalZones).toEqual([]);
    // Two racks of one datacenter and one of the other in one zone: three of six are left, four are needed.
    const crowded = { ...there, shape: shape(3, 1, ["z1", "z1", "z2"]) };
    expect(survival([here, crowded], "k", Quorum).fatalZones).toEqual(["z1"]);
  });

  it("agrees with counting every loss of nodes one by one", () => {
    const count = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(fc.tuple(fc.integer({ min: 1, max: 3 }), count, count), (replicas) => {
        const ring = replicas.map((each, i) => ({ name: `dc${i}`, replication: { k: each } }));
        for (const consistency of Object.values(Consistency)) {
          const { nodes } = survival(ring, "k", consistency);
          const losses = lossesOf(replicas);
          const stands = (lost: number[]) => answers(consistency, replicas, lost);
          expect(losses.filter((lost) => total(lost) <= nodes).every(stands)).toBe(true);
          expect(losses.filter((lost) => total(lost) === nodes + 1).every(stands)).toBe(false);
        }
      }),
    );
  });

  it("is planned from every datacenter of the args, those elsewhere too", () => {
    const args = ringArgs({
      otherDatacenters: [{ name: "dc2", racks: racksOf(3), size: 3, replication: { telemetry: 3 } }],
      externalDatacenters: [{ name: "dc0", replication: { telemetry: 1, other: 3 } }],
    });
    expect(datacentersOf(args).map(({ name, shape }) => [name, shape?.size])).toEqual([
      ["dc1", 3],
      ["dc2", 3],
      ["dc0", undefined],
    ]);
    expect(keyspaceReplication(args, "telemetry")).toEqual({ dc1: 3, dc2: 3, dc0: 1 });
    expect(keyspaceReplication(args, "other")).toEqual({ dc0: 3 });
  });
});

const total = (numbers: number[]) => numbers.reduce((sum, each) => sum + each, 0);

/** Every way to lose replicas of some datacenters. */
function lossesOf(replicas: number[]): number[][] {
  return replicas.reduce<number[][]>(
    (found, held) => found.flatMap((lost) => Array.from({ length: held + 1 }, (_, n) => [...lost, n])),
    [[]],
  );
}

/** Whether enough answers are left, told a second time by Cassandra's documentation. */
function answers(consistency: Consistency, replicas: number[], lost: number[]): boolean {
  const left = replicas.map((held, i) => held - (lost[i] ?? 0));
  const more = (some: number, all: number) => 2 * some > all;
  switch (consistency) {
    case LocalOne:
      return (left[0] ?? 0) > 0;
    case LocalQuorum:
      return more(left[0] ?? 0, replicas[0] ?? 0);
    case Quorum:
      return more(total(left), total(replicas));
    case EachQuorum:
      return left.every((each, i) => replicas[i] === 0 || more(each, replicas[i] ?? 0));
    default:
      return total(lost) === 0;
  }
}

describe("warnings of replication", () => {
  const cases: [string, ReturnType<typeof shape>, number, string[]][] = [
    ["a zone and a rack for each replica", shape(3, 1), 3, []],
    [
      "more replicas than racks",
      shape(2, 2),
      3,
      ["replication.k: 3 replicas on 2 racks: the loss of rack r1 or r2 alone breaks quorum."],
    ],
    ["one rack", shape(1, 3), 3, ["replication.k: 3 replicas on 1 rack: the loss of rack r1 alone breaks quorum."]],
    ["several a rack, with quorum", shape(3, 2), 5, ["replication.k: 5 replicas on 3 racks: some racks hold several."]],
    [
      "racks that share a zone",
      shape(3, 1, ["z1", "z1", "z2"]),
      3,
      ["replication.k: racks share zones: the loss of zone z1 alone breaks quorum."],
    ],
    ["one replica", shape(3, 1), 1, ["replication.k: one replica: a lost node is lost data."]],
  ];
  it.each(cases)("%s", (_what, ring, replicas, expected) => {
    expect(replicationWarnings(alone(ring, { k: replicas }))).toEqual(expected);
  });
});

it("warns of a quorum over two datacenters that one of them takes with it", () => {
  const west = { name: "west", shape: shape(3, 1), replication: { k: 3 } };
  const north = { name: "north", shape: shape(3, 1, ["n1", "n2", "n3"]), replication: { k: 3 } };
  expect(replicationWarnings([west, north])).toEqual([
    "replication.k: QUORUM waits for 4 of 6 replicas over all datacenters: the loss of datacenter north alone breaks it. " +
      "LOCAL_QUORUM goes on.",
  ]);
  expect(replicationWarnings([west, { ...north, shape: shape(1, 3) }])[0]).toBe(
    "otherDatacenters.0.replication.k: 3 replicas on 1 rack: the loss of rack r1 alone breaks quorum.",
  );
});

describe("names in Kubernetes", () => {
  it("follow cass-operator's rule", () => {
    expect(cleanName("stowage")).toBe("stowage");
    expect(cleanName("Stowage_Ring")).toBe("stowage-ring");
    expect(cleanName("My Cluster 1")).toBe("mycluster");
    expect(serviceName("Stowage_Ring", "dc1")).toBe("stowage-ring-dc1-service");
  });

  it("are labels of DNS for every cluster name that is taken", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,38}[A-Za-z0-9]$/), (name) => {
        expect(cleanName(name)).toMatch(/^[a-z]([a-z0-9-]*[a-z0-9])?$/);
      }),
    );
  });
});
