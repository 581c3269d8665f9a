import { appendFile, mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { Writable } from "node:stream";

const TAIL_LINES = 30;
const TAIL_LINE_LENGTH = 2_000;

/**
 * The output of a container in a file of bounded size: past `maxBytes` the file becomes `FILE.1` and a new one is
 * begun, so that at most two times `maxBytes` are kept. The last lines stay in memory for messages.
 */
export class BoundedLog extends Writable {
  private size = 0;
  private lines: string[] = [];
  private partial = "";
  private ready: Promise<unknown> | undefined;

  constructor(
    readonly path: string,
    private readonly maxBytes = 1024 * 1024,
  ) {
    super({ highWaterMark: 64 * 1024 });
    // A log that cannot be written (a full disk) must not end what it logs, nor this process.
    this.on("error", () => undefined);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.remember(chunk.toString("utf8"));
    this.append(chunk).then(
      () => done(),
      () => done(),
    );
  }

  /** Settles when all that was given so far is in the file. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.write("", () => resolve()));
  }

  /** The last lines that were written, oldest first. */
  tail(count = 10): string[] {
    const all = this.partial === "" ? this.lines : [...this.lines, this.partial];
    return all.slice(-count);
  }

  private async append(chunk: Buffer): Promise<void> {
    this.ready ??= mkdir(dirname(this.path), { recursive: true });
    await this.ready;
    if (chunk.length === 0) return;
    if (this.size > 0 && this.size + chunk.length > this.maxBytes) {
      await rename(this.path, `${this.path}.1`);
      this.size = 0;
    }
    await appendFile(this.path, chunk);
    this.size += chunk.length;
  }

  private remember(text: string): void {
    const lines = (this.partial + text).split("\n");
    this.partial = (lines.pop() ?? "").slice(-TAIL_LINE_LENGTH);
    this.lines = [...this.lines, ...lines.map((line) => line.slice(0, TAIL_LINE_LENGTH))].slice(-TAIL_LINES);
  }
}
