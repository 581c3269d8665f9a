import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import type { Pipeline } from "../../runtime/contract/index.js";
import type { WorkerArgs } from "./args.js";

/** Where the config map is mounted. */
export const CONFIG_PATH = "/etc/stowage";
/** Where modules of one's own are mounted: beside the bundle, and not below another mount, which is read-only. */
export const MODULES_PATH = "/opt/stowage/modules";

/** A volume of a pod, and where its container has it. */
export interface Mounted {
  volume: inputs.core.v1.Volume;
  mount: Omit<inputs.core.v1.VolumeMount, "name">;
}

/** Name of the config map of a pipeline's own modules: no pipeline has a dot in its name, so that it is never another's. */
export function modulesName(pipeline: Pipeline): string {
  return `${pipeline.name}.modules`;
}

/** What every pod of a pipeline has. */
export function commonMounts(configMap: string): Mounted[] {
  return [
    { volume: { name: "config", configMap: { name: configMap } }, mount: { mountPath: CONFIG_PATH, readOnly: true } },
    { volume: { name: "tmp", emptyDir: {} }, mount: { mountPath: "/tmp" } },
  ];
}

/** What the workers have as well: the Gluster volume, the audit's, and modules of one's own. */
export function workerMounts({ pipeline, volumeClaim, auditClaim, modules }: WorkerArgs): Mounted[] {
  const { sink, audit } = pipeline;
  const mounted: Mounted[] = [];
  const claim = (name: string, claimName: NonNullable<WorkerArgs["volumeClaim"]>) => ({
    name,
    persistentVolumeClaim: { claimName },
  });
  if (sink.gluster !== undefined && volumeClaim !== undefined)
    mounted.push({
      volume: claim("gluster", volumeClaim),
      // A mount that the node renews while the pod runs must reach it.
      mount: { mountPath: sink.gluster.mountPath, mountPropagation: "HostToContainer" },
    });
  if (audit?.directory !== undefined && auditClaim !== undefined)
    mounted.push({ volume: claim("audit", auditClaim), mount: { mountPath: audit.directory } });
  if (modules !== undefined)
    mounted.push({
      volume:
        modules.claim === undefined
          ? { name: "modules", configMap: { name: modules.configMap ?? modulesName(pipeline) } }
          : claim("modules", modules.claim),
      mount: { mountPath: MODULES_PATH, readOnly: true },
    });
  return mounted;
}
