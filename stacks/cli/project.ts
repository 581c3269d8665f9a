import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The nearest folder, from `from` upwards, that holds a Pulumi.yaml; undefined where none does. */
export function projectFolder(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}
