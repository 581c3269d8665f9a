import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** File in the root of a volume that names it. */
const MARKER = ".stowage-volume";

/**
 * Makes a folder that stands in for a Gluster volume: the folder and the marker by which the worker knows it.
 * Doing it again changes nothing. Rejects where the folder is another volume's.
 */
export async function createVolumeFolder(path: string, volume: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const marker = join(path, MARKER);
  const wanted = `${JSON.stringify({ volume })}\n`;
  try {
    await writeFile(marker, wanted, { flag: "wx" });
  } catch (error) {
    const found = await readFile(marker, "utf8");
    if (found !== wanted)
      throw new Error(
        `${path} already stands in for another volume: its ${MARKER} says ${found.trim()}, not ${wanted.trim()}. ` +
          "Choose another folder.",
        { cause: error },
      );
  }
}
