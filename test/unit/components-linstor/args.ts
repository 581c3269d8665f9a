import {
  type LinstorClusterArgs,
  LinstorPoolKind,
  type LinstorSatelliteSetArgs,
} from "../../../components/linstor/index.js";

/** Three nodes in three zones with one thin pool. */
export const fast: LinstorSatelliteSetArgs = {
  nodes: 3,
  zones: ["westeurope-1", "westeurope-2", "westeurope-3"],
  nodeSelector: { "stowage.dev/storage": "fast" },
  storagePools: {
    thin: { kind: LinstorPoolKind.LvmThin, volumeGroup: "vg0", thinPool: "thin0", hostDevices: ["/dev/sdc"] },
  },
};

/** One set, one group, one class. */
export function linstorArgs(changed: Partial<LinstorClusterArgs> = {}): LinstorClusterArgs {
  return {
    namespace: "piraeus-datastore",
    satellites: { fast },
    resourceGroups: { volumes: { placeCount: 3, storagePool: "thin", spreadZones: true } },
    storageClasses: { "linstor-fast": { resourceGroup: "volumes" } },
    ...changed,
  };
}
