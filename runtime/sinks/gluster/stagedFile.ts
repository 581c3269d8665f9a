import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { removeQuietly } from "./files.js";

/** A result while it is written: its bytes go to the file as they come, and are counted and hashed on the way. */
export class StagedFile {
  private readonly hash = createHash("sha256");
  private bytes = 0;

  private constructor(
    /** Name that the result is published under. */
    readonly name: string,
    /** Where it lies until then. */
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async create(name: string, path: string): Promise<StagedFile> {
    return new StagedFile(name, path, await open(path, "wx"));
  }

  get size(): number {
    return this.bytes;
  }

  async write(chunk: Buffer): Promise<void> {
    this.bytes += chunk.byteLength;
    this.hash.update(chunk);
    await this.file.writeFile(chunk);
  }

  /** Makes it durable and closes it. */
  async finish(): Promise<{ size: number; sha256: string }> {
    try {
      await this.file.sync();
    } finally {
      await this.file.close();
    }
    return { size: this.bytes, sha256: this.hash.digest("hex") };
  }

  /** Throws it away. */
  async discard(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await removeQuietly(this.path);
  }
}
