import { randomBytes } from "node:crypto";
import { close, fdatasync, open, writeSync, write as writeTo } from "node:fs";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { AuditDestination } from "../../contract/index.js";
import { ChainFiles } from "./chainFiles.js";
import { GENESIS, newChain } from "./record.js";
import { type AuditTarget, type Continuation, unavailable } from "./target.js";
import { isAlive, isThisProcess } from "./writerProcess.js";

/** What a target of files is made of. */
export interface FileTargetOptions {
  /** The folder; it must be there: one that is missing is a volume that is not mounted. */
  directory: string;
  pipeline: string;
  worker: string;
  /** Path of the source entity: intents of another one are not carried on. */
  entity: string;
  /** Bytes after which the next file is begun. */
  maxFileBytes: number;
}

/** Chains of one name that can be written at once: a worker whose name is in use takes `pod-1~2`, and so on. */
const NAMESAKES = 16;
/** Tries to get a number for a file that nobody else took meanwhile. */
const TRIES = 20;
/** What was written is synced so often at most, in the background, in milliseconds. */
const SYNC_MILLISECONDS = 1_000;
const PROBE_BYTES = 4_096;
/** A write that takes longer than this is of a slow volume, and how long one write says so, in milliseconds. */
const SLOW_MILLISECONDS = 100;
const SLOW_FOR_MILLISECONDS = 2_000;

/** Names that targets of this process write under: a mark of this process in a file does not tell two of them apart. */
const inUse = new Set<string>();

/** What a name in a file's name may hold; the rest is written as %XX. */
const plainName = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A");

/**
 * Writes a chain to files. Each file has one writer, for ever: it is created by its writer, opened for appending, and
 * a later start goes on in a file of its own. Nothing that was written is changed or cut.
 */
export class FileTarget implements AuditTarget {
  readonly destination = AuditDestination.File;
  private files: ChainFiles;
  private number = 0;
  private fd: number | undefined;
  private path: string;
  private bytes = 0;
  private syncedAt = 0;
  private syncing: Promise<void> | undefined;
  private syncFailure: unknown;
  /** Until then the volume counts as slow, by performance.now(). */
  private slowUntil = 0;
  private heldUpBySync = false;
  private held: string | undefined;

  constructor(private readonly options: FileTargetOptions) {
    this.files = this.named(1);
    this.path = options.directory;
  }

  get full(): boolean {
    return this.bytes >= this.options.maxFileBytes;
  }

  async open(): Promise<Continuation> {
    await this.end().catch(() => undefined);
    this.syncFailure = undefined;
    try {
      // Created and then not written to, as on a full disk: no record was ever taken for written there.
      if (this.number > 0 && this.bytes === 0) await unlink(this.path).catch(() => undefined);
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const found = await this.begin();
        if (found !== undefined) return found;
      }
    } catch (error) {
      throw unavailable(this.options.directory, error);
    }
    throw unavailable(this.options.directory, new Error(`other processes write as ${this.options.worker} there`));
  }

  async next(): Promise<void> {
    const path = this.files.path(this.number + 1);
    try {
      const before = this.fd;
      await this.create(this.files, this.number + 1);
      await this.syncing;
      if (before !== undefined) await finish(before);
    } catch (error) {
      throw unavailable(path, error);
    }
  }

  async write(bytes: Buffer): Promise<void> {
    try {
      if (this.syncFailure !== undefined) throw this.syncFailure;
      for (let done = 0; done < bytes.length; ) {
        const written = await this.append(bytes.subarray(done));
        if (written === 0) throw new Error("nothing was taken");
        done += written;
      }
    } catch (error) {
      throw unavailable(this.path, error);
    }
    this.bytes += bytes.length;
    this.sync();
  }

  /** Writes a small file beside the chain, and removes it. */
  async probe(): Promise<void> {
    const path = join(this.options.directory, `.${this.files.name}.${randomBytes(4).toString("hex")}.probe`);
    try {
      if (this.syncFailure !== undefined) throw this.syncFailure;
      await writeFile(path, Buffer.alloc(PROBE_BYTES, "."), { flag: "wx" });
    } catch (error) {
      throw unavailable(this.options.directory, error);
    } finally {
      await unlink(path).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    try {
      await this.end();
    } finally {
      if (this.held !== undefined) inUse.delete(this.held);
      this.held = undefined;
    }
  }

  /** One try to begin a file of the chain; undefined where somebody else began it first. */
  private async begin(): Promise<Continuation | undefined> {
    for (let namesake = 1; namesake <= NAMESAKES; namesake++) {
      const files = this.named(namesake);
      const key = files.path(0);
      if (inUse.has(key) && this.held !== key) continue;
      const numbers = await files.numbers();
      const last = numbers.at(-1);
      if (last !== undefined && this.held !== key && (await files.justMade(last))) continue;
      const end = await files.end(numbers);
      if (end?.writer !== undefined && isAlive(end.writer) && !isThisProcess(end.writer)) continue;
      if (!(await this.created(files, (last ?? 0) + 1))) return undefined;
      if (this.held !== undefined) inUse.delete(this.held);
      this.held = key;
      inUse.add(key);
      if (end === undefined) return { chain: newChain(), sequence: 0, hash: GENESIS, open: [], torn: [] };
      return end.entity === this.options.entity ? end.at : { ...end.at, open: [] };
    }
    return undefined;
  }

  private named(namesake: number): ChainFiles {
    const { directory, pipeline, worker } = this.options;
    const name = `${plainName(pipeline)}.${plainName(worker)}${namesake === 1 ? "" : `~${namesake}`}`;
    return new ChainFiles(directory, name);
  }

  private async created(files: ChainFiles, number: number): Promise<boolean> {
    try {
      await this.create(files, number);
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
      throw error;
    }
  }

  private async create(files: ChainFiles, number: number): Promise<void> {
    const path = files.path(number);
    // The descriptor itself: a file handle's promises cost as much as the write. 0640: who may read the log is a group.
    this.fd = await openFile(path, "ax", 0o640);
    this.files = files;
    this.number = number;
    this.path = path;
    this.bytes = 0;
    await syncFolder(this.options.directory);
  }

  /**
   * One write. Into the system's cache it takes microseconds, a fraction of what handing it to a thread takes, which is
   * done while the volume is slow, and during a sync where those have held up a write: all else must not wait for it.
   */
  private append(bytes: Buffer): Promise<number> | number {
    const { fd } = this;
    if (fd === undefined) throw new Error("it is closed");
    const began = performance.now();
    const syncing = this.syncing !== undefined;
    if (began < this.slowUntil || (syncing && this.heldUpBySync))
      return this.appendInThread(fd, bytes).finally(() => this.noteTime(began));
    const written = writeSync(fd, bytes);
    if (this.noteTime(began) && syncing) this.heldUpBySync = true;
    return written;
  }

  /** True where a write was slow. */
  private noteTime(began: number): boolean {
    const now = performance.now();
    const slow = now - began > SLOW_MILLISECONDS;
    if (slow) this.slowUntil = now + SLOW_FOR_MILLISECONDS;
    return slow;
  }

  private appendInThread(fd: number, bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      writeTo(fd, bytes, 0, bytes.length, null, (error, written) => (error ? reject(error) : resolve(written)));
    });
  }

  /** At most once a second, and beside the writes: what a crash of the machine may take is bounded. */
  private sync(): void {
    const now = performance.now();
    if (this.syncing !== undefined || this.fd === undefined || now - this.syncedAt < SYNC_MILLISECONDS) return;
    this.syncedAt = now;
    this.syncing = syncData(this.fd)
      .catch((error: unknown) => {
        // What the system could not keep is not known; nothing is written behind it.
        this.syncFailure = error;
      })
      .finally(() => {
        this.syncing = undefined;
      });
  }

  private async end(): Promise<void> {
    await this.syncing;
    const { fd } = this;
    this.fd = undefined;
    if (fd !== undefined) await finish(fd);
  }
}

const syncData = promisify(fdatasync);
const closeFile = promisify(close);
const openFile = promisify(open);

/** Makes durable what was written, and closes. */
async function finish(fd: number): Promise<void> {
  try {
    await syncData(fd);
  } finally {
    await closeFile(fd);
  }
}

/** Makes a new name durable, where the file system can. */
async function syncFolder(path: string): Promise<void> {
  try {
    const fd = await openFile(path, "r");
    await finish(fd);
  } catch {
    // A file share has no folders to sync; its names are durable when it says that they are there.
  }
}
