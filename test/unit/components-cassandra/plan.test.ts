import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cleanName,
  datacentersOf,
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
