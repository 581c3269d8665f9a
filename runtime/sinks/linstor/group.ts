import { type LinstorSink as LinstorSettings, StowageError } from "../../contract/index.js";
import type { LinstorApi } from "./api.js";
import { LinstorFailure } from "./errors.js";
import { Code } from "./returnCodes.js";

/**
 * Sees to it that the pipeline's resource group is there with a volume group. One that is missing is made where the
 * pipeline gives `placeCount`. Throws StowageError `ResourceGroupMissing` otherwise. Two workers may do it at once.
 */
export async function ensureGroup(api: LinstorApi, settings: LinstorSettings, signal: AbortSignal): Promise<void> {
  const { resourceGroup: name, placeCount } = settings;
  const found = await api.group(name, signal);
  if (found === undefined) {
    if (placeCount === undefined)
      throw new StowageError(
        "ResourceGroupMissing",
        `LINSTOR has no resource group ${name}. Create it (linstor resource-group create ${name} …), or give the ` +
          "pipeline's sink placeCount, so that the worker creates it.",
      );
    await unlessExists(Code.ExistsResourceGroup, () => api.createGroup(groupRequest(settings, placeCount), signal));
  }
  if ((await api.volumeGroups(name, signal)) > 0) return;
  if (placeCount === undefined)
    throw new StowageError(
      "ResourceGroupMissing",
      `LINSTOR's resource group ${name} has no volume group, so that no volume can be made of it. ` +
        `Create one (linstor volume-group create ${name}).`,
    );
  await unlessExists(Code.ExistsVolumeGroup, () => api.createVolumeGroup(name, signal));
}

function groupRequest(settings: LinstorSettings, placeCount: number): object {
  const { resourceGroup: name, storagePool, replicasOnDifferent } = settings;
  const pool = storagePool === undefined ? {} : { storage_pool_list: [storagePool] };
  const apart = replicasOnDifferent === undefined ? {} : { replicas_on_different: replicasOnDifferent };
  return {
    name,
    description: "Made by a Stowage worker",
    // Without DRBD there would be volumes without a common content.
    select_filter: { place_count: placeCount, layer_stack: ["DRBD", "STORAGE"], ...pool, ...apart },
  };
}

/** Does what another worker may have done just before. */
async function unlessExists(code: number, make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (!(error instanceof LinstorFailure && error.has(code))) throw error;
  }
}
