import { describe, expect, it } from "vitest";
import { type LinstorPlan, LinstorPoolKind, linstorViolations } from "../../../components/linstor/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { fast, linstorArgs } from "./args.js";

const { satellites, resourceGroups } = linstorArgs();
const before: LinstorPlan = { satellites, resourceGroups };
const thin = { kind: LinstorPoolKind.LvmThin, volumeGroup: "vg0", thinPool: "thin0", hostDevices: ["/dev/sdc"] };
const pools = (storagePools: typeof fast.storagePools): LinstorPlan => ({
  ...before,
  satellites: { fast: { ...fast, storagePools } },
});
const group = { placeCount: 3, storagePool: "thin", spreadZones: true };

const table: [string, LinstorPlan, string[]][] = [
  ["nothing", before, []],
  ["another set", { ...before, satellites: { fast, slow: fast } }, []],
  ["more nodes", { ...before, satellites: { fast: { ...fast, nodes: 6 } } }, []],
  ["another pool", pools({ thin, more: { kind: LinstorPoolKind.Zfs } }), []],
  ["more devices", pools({ thin: { ...thin, hostDevices: ["/dev/sdc", "/dev/sdd"] } }), []],
  ["more replicas", { ...before, resourceGroups: { volumes: { ...group, placeCount: 4 } } }, []],
  [
    "a set taken away",
    { ...before, satellites: {} },
    ['satellites.fast: loses the replicas in pool thin of 3 nodes (found "removed"). Evacuate its nodes first'],
  ],
  [
    "fewer nodes",
    { ...before, satellites: { fast: { ...fast, nodes: 2 } } },
    [
      "satellites.fast.nodes: was 3: the replicas of the nodes that go are lost unless they were evacuated (found 2). " +
        "Evacuate one node after another first",
    ],
  ],
  [
    "a pool taken away",
    pools({}),
    [
      'satellites.fast.storagePools.thin: loses the replicas in it on 3 nodes (found "removed"). ' +
        "Move its volumes to another pool first",
    ],
  ],
  [
    "a pool of another kind, on another volume group",
    pools({ thin: { kind: LinstorPoolKind.Lvm, volumeGroup: "vg1" } }),
    [
      "satellites.fast.storagePools.thin.kind: was lvmThin: the operator refuses it, since the replicas lie in the old pool " +
        '(found "lvm"). Make a new pool and move the volumes',
      "satellites.fast.storagePools.thin.volumeGroup: was vg0: the operator refuses it, since the replicas lie in the old pool " +
        '(found "vg1"). Make a new pool and move the volumes',
      "satellites.fast.storagePools.thin.thinPool: was thin0: the operator refuses it, since the replicas lie in the old pool " +
        '(found "the default"). Make a new pool and move the volumes',
    ],
  ],
  [
    "fewer replicas, in another pool",
    { ...before, resourceGroups: { volumes: { ...group, placeCount: 2, storagePool: "thick" } } },
    [
      "resourceGroups.volumes.placeCount: was 3: replicas of every volume of the group would be taken away (found 2). " +
        "Keep it, or make another group",
      "resourceGroups.volumes.storagePool: was thin: volumes that are there stay in the old pool, and new ones go elsewhere " +
        '(found "thick"). Make another group',
    ],
  ],
  [
    "a group taken away",
    { ...before, resourceGroups: {} },
    [
      'resourceGroups.volumes: leaves its volumes in a group that nothing describes any more (found "removed"). ' +
        "Move or delete them first",
    ],
  ],
  [
    "another cluster",
    { ...before, clusterName: "other" },
    [
      "clusterName: was the default: the operator would take every satellite away and begin anew " +
        '(found "other"). Keep it',
    ],
  ],
];

describe("what may change on a cluster that exists, and what would be lost", () => {
  it.each(table)("%s", (_what, after, expected) => {
    expect(linstorViolations(before, after).map(formatProblem)).toEqual(expected);
  });
});
