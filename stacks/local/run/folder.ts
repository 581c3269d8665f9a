import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { isSameProcess, type ProcessIdentity, processIdentity } from "./process.js";

const OWNER = "owner.json";

/** Folder that Stowage keeps built parts and runs in: `$XDG_CACHE_HOME/stowage`, or `~/.cache/stowage`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "stowage");
}

/** A run's own folder: state, plug-in paths, logs, volumes. It is removed at the end of the run. */
export interface RunFolder {
  path: string;
  remove(): void;
}

/** Makes a run folder that is marked with this process as its owner. */
export function createRunFolder(root = join(cacheFolder(), "runs")): RunFolder {
  const path = join(root, `${process.pid}-${randomBytes(4).toString("hex")}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(join(path, OWNER), JSON.stringify(processIdentity(process.pid)));
  return { path, remove: () => removeRun(path) };
}

/** Removes a run folder with all that is in it. */
export function removeRun(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

/** Run folders whose owner is gone: what a killed command left behind. */
export function abandonedRuns(root = join(cacheFolder(), "runs")): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((path) => {
      const owner = readOwner(path);
      // Between making the folder and marking it: its name has the process.
      if (owner === undefined) return processIdentity(Number.parseInt(basename(path), 10)) === undefined;
      return !isSameProcess(owner);
    });
}

function readOwner(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(join(path, OWNER), "utf8")) as ProcessIdentity;
  } catch {
    // Not written yet, not written whole, or removed meanwhile.
    return undefined;
  }
}
