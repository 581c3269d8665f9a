import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The package's own folder: the nearest one above this file with a package.json, in a clone as when installed. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** The package's version, from its package.json. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  return version;
}
