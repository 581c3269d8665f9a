import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LinstorClusterArgs, LinstorPoolKind, linstorProblems } from "../../../components/linstor/index.js";
import { poolNames, reachOf } from "../../../components/linstor/plan.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { fast, linstorArgs } from "./args.js";

const group = { placeCount: 3, storagePool: "thin" };
const { zones: _, ...zoneless } = fast;
const pool = (settings: object) => ({
  satellites: { fast: { ...fast, storagePools: { thin: { kind: LinstorPoolKind.LvmThin, ...settings } } } },
});

const refusals: [string, Partial<LinstorClusterArgs>, string[]][] = [
  [
    "more replicas than nodes",
    { resourceGroups: { volumes: { ...group, placeCount: 4 } } },
    [
      "resourceGroups.volumes.placeCount: must be at most 3, the nodes that have pool thin: a node holds one replica of a " +
        "volume (found 4). Lower it, or add nodes with that pool",
    ],
  ],
  [
    "more replicas than zones, where each has its own",
    {
      satellites: { fast: { ...fast, zones: ["z1", "z2"] } },
      resourceGroups: { volumes: { ...group, spreadZones: true } },
    },
    [
      "resourceGroups.volumes.placeCount: must be at most 2 with spreadZones: pool thin is in z1, z2 (found 3). " +
        "Lower it, or leave spreadZones out",
    ],
  ],
  [
    "replicas over zones that nobody knows",
    { satellites: { fast: zoneless }, resourceGroups: { volumes: { ...group, spreadZones: true } } },
    [
      "resourceGroups.volumes.spreadZones: needs the zones of every set that has pool thin (found true). " +
        "Give satellites.<set>.zones, or leave spreadZones out",
    ],
  ],
  [
    "a pool that no set has",
    { resourceGroups: { volumes: { ...group, storagePool: "thick" } } },
    [
      'resourceGroups.volumes.storagePool: must be one of the satellites\' pools, thin (found "thick"). ' +
        "Name one of them, or add it to a set of satellites",
    ],
  ],
  [
    "a class of a group that is not there",
    { storageClasses: { fast: { resourceGroup: "volume" } } },
    [
      'storageClasses.fast.resourceGroup: must be one of resourceGroups, volumes (found "volume"). ' +
        "Name one of them, or add it",
    ],
  ],
  [
    "a pool's name below Piraeus' three characters, and one above LINSTOR's 48",
    {
      satellites: {
        fast: {
          ...fast,
          storagePools: {
            ab: { kind: LinstorPoolKind.Zfs },
            [`p${"o".repeat(48)}`]: { kind: LinstorPoolKind.Zfs },
          },
        },
      },
    },
    [
      'satellites.fast.storagePools.ab: must be 3 to 48 letters, digits, _ or -, the first a letter or _ (found "ab"). Rename it',
      `satellites.fast.storagePools.p${"o".repeat(48)}: must be 3 to 48 letters, digits, _ or -, the first a letter or _ ` +
        `(found "p${"o".repeat(48)}"). Rename it`,
    ],
  ],
  [
    "a group's name that LINSTOR refuses",
    { resourceGroups: { volumes: group, "1st": group } },
    ['resourceGroups.1st: must be 2 to 48 letters, digits, _ or -, the first a letter or _ (found "1st"). Rename it'],
  ],
  [
    "two names that LINSTOR takes for one",
    { resourceGroups: { volumes: group, Volumes: group } },
    [
      'resourceGroups.Volumes: is the same name as volumes for LINSTOR, which ignores case (found "Volumes"). Rename one',
    ],
  ],
  [
    "a setting of another kind of pool",
    pool({ zPool: "tank" }),
    [
      "satellites.fast.storagePools.thin.zPool: does not go with a pool of kind lvmThin, which takes volumeGroup, thinPool, " +
        'hostDevices (found "tank"). Remove it, or change the kind',
    ],
  ],
  [
    "devices for a pool of files",
    pool({ kind: LinstorPoolKind.FileThin, hostDevices: ["/dev/sdc"] }),
    [
      "satellites.fast.storagePools.thin.hostDevices: does not go with a pool of kind fileThin, which takes directory " +
        '(found ["/dev/sdc"]). Remove it, or change the kind',
    ],
  ],
  [
    "one name for pools of two kinds",
    {
      satellites: { fast, slow: { nodes: 3, zones: ["z"], storagePools: { thin: { kind: LinstorPoolKind.ZfsThin } } } },
    },
    [
      "satellites.slow.storagePools.thin.kind: must be lvmThin, as in set fast: LINSTOR does not replicate between kinds of " +
        'pools (found "zfsThin"). Use one kind, or another name',
    ],
  ],
  [
    "a device outside /dev",
    pool({ hostDevices: ["sdc"] }),
    [
      "satellites.fast.storagePools.thin.hostDevices.0: must be a device below /dev " +
        '(found "sdc"). Give /dev/disk/azure/scsi1/lun0, for example',
    ],
  ],
  [
    "half of TLS",
    { internalTls: { controllerSecretName: "controller-tls" } },
    [
      "internalTls: must have either issuerName, or both controllerSecretName and satelliteSecretName " +
        '(found ["controllerSecretName"]). Choose one of the two ways',
    ],
  ],
  [
    "a controller without a scheme",
    { externalControllerUrl: "10.0.0.4:3370" },
    [
      "externalControllerUrl: must be an http or https URL without a path " +
        '(found "10.0.0.4:3370"). Give http://10.0.0.4:3370',
    ],
  ],
  [
    "no replica at all",
    { resourceGroups: { volumes: { ...group, placeCount: 0 } } },
    [
      "resourceGroups.volumes.placeCount: must be a whole number from 1 to 32 replicas (found 0). Give a number in that range",
    ],
  ],
  [
    "a setting that is not known",
    { satellites: { fast: { ...fast, nodeSelectors: {} } as typeof fast } },
    ["satellites.fast.nodeSelectors: unknown key (found {}). Did you mean nodeSelector?"],
  ],
];

describe("args that are refused at preview, with path, value, range and fix", () => {
  it.each(refusals)("%s", (_what, changed, expected) => {
    const args = linstorArgs(changed);
    const kept =
      changed.resourceGroups || changed.storageClasses ? args : { ...args, resourceGroups: {}, storageClasses: {} };
    expect(linstorProblems(kept).map(formatProblem)).toEqual(expected);
  });
});

describe("args that are taken", () => {
  it("one set, one group, one class", () => expect(linstorProblems(linstorArgs())).toEqual([]));

  it("values that are known only later", () => {
    const args = linstorArgs({ namespace: pulumi.output("later"), externalControllerUrl: pulumi.output("later") });
    expect(linstorProblems(args)).toEqual([]);
  });

  it("any replica count up to the nodes that have the pool, and no more", () => {
    const sets = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.record({ nodes: fc.integer({ min: 1, max: 9 }), pools: fc.subarray(["thin", "thick"], { minLength: 1 }) }),
      { minKeys: 1, maxKeys: 4 },
    );
    fc.assert(
      fc.property(sets, fc.integer({ min: 1, max: 32 }), (given, placeCount) => {
        const satellites = Object.fromEntries(
          Object.entries(given).map(([set, { nodes, pools }]) => [
            set,
            { nodes, storagePools: Object.fromEntries(pools.map((name) => [name, { kind: LinstorPoolKind.Lvm }])) },
          ]),
        );
        for (const storagePool of poolNames(satellites)) {
          const { nodes } = reachOf(storagePool, satellites);
          const args = linstorArgs({ satellites, resourceGroups: { volumes: { placeCount, storagePool } } });
          expect(linstorProblems(args).length === 0).toBe(placeCount <= nodes);
        }
      }),
    );
  });
});
