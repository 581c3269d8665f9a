import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { StowageError } from "../../contract/index.js";
import { onStore } from "./errno.js";

/** File in the root of a volume that names it: `{"volume":"results"}`. An empty mount point has none. */
export const VOLUME_MARKER = ".stowage-volume";

/**
 * Makes sure that the folder is the volume's root. Throws a StowageError: `VolumeNotMounted` where there is no marker
 * (the folder under a mount that is not there looks just like a folder), `WrongVolume` where it names another.
 */
export async function checkMarker(mountPath: string, volume: string): Promise<void> {
  const path = join(mountPath, VOLUME_MARKER);
  let text: string;
  try {
    text = await onStore(() => readFile(path, "utf8"));
  } catch (error) {
    throw new StowageError(
      "VolumeNotMounted",
      `${mountPath} is not the root of the Gluster volume ${JSON.stringify(volume)}: its marker ${VOLUME_MARKER} ` +
        `cannot be read (${error instanceof Error ? error.message : String(error)}). Mount the volume there; ` +
        `a new volume gets its marker from whoever creates it: {"volume":${JSON.stringify(volume)}}.`,
      { cause: error },
    );
  }
  const found = volumeOf(text);
  if (found !== volume)
    throw new StowageError(
      "WrongVolume",
      `${mountPath} is the root of ${found === undefined ? "a volume without a readable name" : JSON.stringify(found)}, ` +
        `not of the Gluster volume ${JSON.stringify(volume)}. Mount the pipeline's volume there, or correct the pipeline.`,
    );
}

function volumeOf(text: string): string | undefined {
  try {
    const marker: unknown = JSON.parse(text);
    if (typeof marker !== "object" || marker === null || !("volume" in marker)) return undefined;
    return typeof marker.volume === "string" ? marker.volume : undefined;
  } catch {
    return undefined;
  }
}
