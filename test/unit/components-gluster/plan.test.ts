import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fragileZones,
  type GlusterVolumeArgs,
  type Hosts,
  planCluster,
  proposeBricks,
} from "../../../components/gluster/index.js";
import { bricksOf, planVolume, replicaSets, setSize } from "../../../components/gluster/plan.js";
import { results } from "./args.js";

const threeZones: Hosts = { a: { zone: "1" }, b: { zone: "2" }, c: { zone: "3" } };

/** Hosts by name, each in one of three zones. */
const hostsOfSomeZones = fc
  .array(fc.constantFrom("1", "2", "3"), { minLength: 3, maxLength: 12 })
  .map((zones): Hosts => Object.fromEntries(zones.map((zone, i) => [`h${i}`, { zone }])));

describe("the plan of a volume", () => {
  it("cuts bricks into replica sets in the order that is given, with LUN, size and path", () => {
    const volume: GlusterVolumeArgs = { bricks: ["a", "b", "c", "b", "c", "a"], brickSizeGb: 100, firstLun: 8 };
    const plan = planVolume("results", volume, threeZones);
    expect(plan.capacityGb).toBe(200);
    expect(plan.bricks.map(({ key, replicaSet, lun, path }) => [key, replicaSet, lun, path])).toEqual([
      ["a_results_0", 0, 8, "/bricks/results/0/brick"],
      ["b_results_0", 0, 8, "/bricks/results/0/brick"],
      ["c_results_0", 0, 8, "/bricks/results/0/brick"],
      ["b_results_1", 1, 9, "/bricks/results/1/brick"],
      ["c_results_1", 1, 9, "/bricks/results/1/brick"],
      ["a_results_1", 1, 9, "/bricks/results/1/brick"],
    ]);
  });

  it("makes the last brick of each set the arbiter, on a disk a sixteenth the size", () => {
    const volume = { replicas: 2, arbiter: 1, bricks: ["a", "b", "c"], brickSizeGb: 160 };
    const plan = planVolume("v", volume, threeZones);
    expect(plan.bricks.map(({ arbiter, sizeGb }) => [arbiter, sizeGb])).toEqual([
      [false, 160],
      [false, 160],
      [true, 10],
    ]);
    expect(plan.capacityGb).toBe(160);
  });

  it("lists the bricks of one host over all volumes in the order of their LUNs", () => {
    const plan = planCluster(threeZones, { late: { ...results, firstLun: 8 }, early: { ...results } });
    expect(bricksOf("a", plan).map(({ key, lun }) => [key, lun])).toEqual([
      ["a_early_0", 0],
      ["a_late_0", 8],
    ]);
  });
});

describe("a proposal of bricks", () => {
  it("puts each replica set on hosts that differ, over as many zones as there are", () => {
    fc.assert(
      fc.property(
        hostsOfSomeZones,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        (hosts, size, sets) => {
          const bricks = proposeBricks(hosts, size, sets);
          expect(bricks).toHaveLength(size * sets);
          const volume = { replicas: size, bricks: bricks ?? [], brickSizeGb: 4 };
          const zones = new Set(Object.values(hosts).map((host) => host.zone)).size;
          for (const set of replicaSets(planVolume("v", volume, hosts))) {
            expect(new Set(set.map((brick) => brick.host)).size).toBe(size);
            expect(new Set(set.map((brick) => brick.zone)).size).toBe(Math.min(size, zones));
          }
        },
      ),
    );
  });

  it("keeps whole replica sets that are there, whatever hosts have been added", () => {
    fc.assert(
      fc.property(hostsOfSomeZones, hostsOfSomeZones, fc.integer({ min: 1, max: 4 }), (hosts, more, sets) => {
        const before = proposeBricks(hosts, 3, sets) ?? [];
        const after = proposeBricks({ ...hosts, ...more }, 3, sets + 2, before);
        expect(after?.slice(0, before.length)).toEqual(before);
        expect(after).toHaveLength(before.length + 6);
      }),
    );
  });

  it("loads equal zones equally: with n hosts in each of three zones no host has two bricks more than another", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 8 }), (each, sets) => {
        const names = Array.from({ length: 3 * each }, (_, i) => [`h${i}`, { zone: String((i % 3) + 1) }] as const);
        const bricks = proposeBricks(Object.fromEntries(names), 3, sets) ?? [];
        const loads = names.map(([host]) => bricks.filter((brick) => brick === host).length);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("is undefined where there are fewer hosts than a set has bricks", () => {
    expect(proposeBricks({ a: { zone: "1" }, b: { zone: "2" } }, 3, 1)).toBeUndefined();
  });
});

describe("a zone whose loss stops writes", () => {
  it("is none where each brick of a set has a zone of its own", () => {
    expect(fragileZones(planCluster(threeZones, { results }))).toEqual([]);
  });

  it("is the one that holds two of three bricks", () => {
    const plan = planCluster({ ...threeZones, b: { zone: "1" } }, { results });
    expect(fragileZones(plan)).toEqual([{ volume: "results", replicaSet: 0, zone: "1", lost: 2, of: 3 }]);
  });

  it("does not speak of volumes of one copy, which promise nothing", () => {
    const plan = planCluster(threeZones, { scratch: { replicas: 1, bricks: ["a"], brickSizeGb: 4 } });
    expect(fragileZones(plan)).toEqual([]);
    expect(setSize({ replicas: 1, bricks: ["a"], brickSizeGb: 4 })).toBe(1);
  });
});
