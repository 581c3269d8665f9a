import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { errno, onStore } from "./errno.js";
import { removeQuietly, syncFolder, writeDurably } from "./files.js";
import type { Layout, ResultPaths } from "./layout.js";
import { type Manifest, parseManifest, type StoredResult } from "./manifest.js";
import { StagedFile } from "./stagedFile.js";

/** What of a manifest the store fills in by itself. */
export type ManifestOfRun = Omit<Manifest, "result" | "size" | "sha256" | "storedAt">;

/** Stores results on the volume: each exactly once, whole or not at all. */
export class ResultStore {
  /** Folders that are known to exist: making one is dear on Gluster. */
  private readonly folders = new Set<string>();

  constructor(
    private readonly layout: Layout,
    private readonly now: () => Date,
  ) {}

  /** Makes the folders that every run needs. */
  async prepare(): Promise<void> {
    await this.folder(this.layout.root);
    await this.folder(this.layout.staging);
  }

  /** Writes a small file, makes it durable and removes it: throws where the volume takes no results. */
  async tryOut(): Promise<void> {
    const path = this.layout.staged("probe", randomBytes(8).toString("hex"));
    await this.folder(this.layout.staging);
    try {
      await this.inFolders(() => writeDurably(path, "probe\n"));
    } catch (error) {
      await removeQuietly(path);
      throw error;
    }
    await onStore(() => unlink(path));
  }

  paths(key: string): ResultPaths {
    return this.layout.paths(key);
  }

  /** What is stored for a message; undefined where nothing is. */
  async find({ manifest }: ResultPaths): Promise<StoredResult | undefined> {
    try {
      return parseManifest(await onStore(() => readFile(manifest, "utf8")), manifest);
    } catch (error) {
      if (errno(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** A file for the output of one run of a job. It is to be published or discarded. */
  async stage(paths: ResultPaths): Promise<StagedFile> {
    const run = randomBytes(8).toString("hex");
    const name = this.layout.resultName(paths.hash, run);
    await this.folder(this.layout.staging);
    return this.inFolders(() => StagedFile.create(name, this.layout.staged(name, run)));
  }

  /**
   * Publishes a result and its manifest. The manifest is the commit: it is linked into place once the result is
   * durable, and link(2) succeeds for exactly one of those who try. Undefined where this one did; else what the
   * other stored, and this result is discarded.
   */
  async publish(paths: ResultPaths, file: StagedFile, run: ManifestOfRun): Promise<StoredResult | undefined> {
    const { size, sha256 } = await file.finish();
    await this.folder(paths.folder);
    const result = join(paths.folder, file.name);
    await this.inFolders(() => rename(file.path, result));
    // Result and manifest may lie on different bricks: only this order on disk keeps a manifest from being alone.
    await syncFolder(paths.folder);
    const manifest: Manifest = { ...run, result: file.name, size, sha256, storedAt: this.now().toISOString() };
    const staged = this.layout.staged(`${paths.hash}.json`, randomBytes(8).toString("hex"));
    await writeDurably(staged, `${JSON.stringify(manifest)}\n`);
    const other = await this.commit(paths, staged, file.name);
    if (other !== undefined) await removeQuietly(result);
    else await syncFolder(paths.folder);
    await removeQuietly(staged);
    return other;
  }

  /**
   * Links the manifest into place. Undefined where it is this run's; else the other one that was there first.
   * An error leaves the result alone: a link whose answer got lost may have been made all the same.
   */
  private async commit(paths: ResultPaths, staged: string, result: string): Promise<StoredResult | undefined> {
    try {
      await link(staged, paths.manifest);
      return undefined;
    } catch (error) {
      const found = errno(error) === "EEXIST" ? await this.find(paths) : undefined;
      if (found === undefined) throw error;
      return found.result === result ? undefined : found;
    }
  }

  /** Removes the results of runs that died between result and manifest. Only once a manifest says which one counts. */
  async removeOrphans(paths: ResultPaths, stored: StoredResult): Promise<void> {
    for (const name of await onStore(() => readdir(paths.folder)))
      if (this.layout.isResultOf(paths.hash, name) && name !== stored.result)
        await removeQuietly(join(paths.folder, name));
  }

  /** Removes what dead runs left in staging, older than `milliseconds`. Gives the number of files removed. */
  async sweep(milliseconds: number, signal: AbortSignal): Promise<number> {
    const before = this.now().getTime() - milliseconds;
    let removed = 0;
    for (const name of await onStore(() => readdir(this.layout.staging))) {
      if (signal.aborted) break;
      const path = join(this.layout.staging, name);
      const changed = await changedAt(path);
      if (changed === undefined || changed >= before) continue;
      await removeQuietly(path);
      removed++;
    }
    return removed;
  }

  /** An operation in folders that were made once; where one is gone, the next try makes it anew. */
  private async inFolders<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (errno(error) === "ENOENT") this.folders.clear();
      throw error;
    }
  }

  private async folder(path: string): Promise<void> {
    if (this.folders.has(path)) return;
    const made = await mkdir(path, { recursive: true });
    if (made !== undefined) await syncFolder(join(path, ".."));
    this.folders.add(path);
  }
}

async function changedAt(path: string): Promise<number | undefined> {
  try {
    return (await onStore(() => stat(path))).mtimeMs;
  } catch {
    return undefined;
  }
}
