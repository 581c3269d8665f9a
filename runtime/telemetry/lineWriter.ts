import { write, writeSync } from "node:fs";
import { promisify } from "node:util";

/** Bytes that make a write at once, and how long fewer may wait, in milliseconds. */
const WRITE_BYTES = 32_768;
const WAIT_MILLISECONDS = 100;
/** Bytes of lines that nobody waits for that are kept while the reader stands still; what comes on top is dropped. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** Wait before a full pipe is tried again, in milliseconds. */
const FULL_MILLISECONDS = 5;

/** How long the end of the process waits for a reader that stands still, in milliseconds. */
const FLUSH_MILLISECONDS = 2_000;
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

const writeTo = promisify(write);

/** True for a pipe that does not block and is full. */
function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

interface Waiter {
  /** Bytes that must be out, counted from the first ever. */
  until: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Writes whole lines to a descriptor, in the order in which they came, one write at a time: two writers on one pipe
 * would cut into each other's lines beyond 4 KiB.
 */
export class LineWriter {
  /** Lines of text that are not bytes yet: made bytes together, since each conversion costs as much as many lines. */
  private text: string[] = [];
  /** Their characters. */
  private characters = 0;
  private queue: Buffer[] = [];
  private queued = 0;
  /** Bytes given and bytes written, counted from the first ever. */
  private given = 0;
  private written = 0;
  private waiting: Waiter[] = [];
  private writing = false;
  private timer: NodeJS.Timeout | undefined;

  private static readonly writers = new Map<number, LineWriter>();

  private constructor(private readonly fd: number) {}

  /** The one writer of a descriptor in this process. */
  static of(fd: number): LineWriter {
    const found = LineWriter.writers.get(fd) ?? new LineWriter(fd);
    LineWriter.writers.set(fd, found);
    return found;
  }

  /** Takes a line that nobody waits for: one of the log. */
  write(line: string): boolean {
    if (this.queued + this.characters > KEPT_BYTES) return false;
    this.text.push(line);
    this.characters += line.length;
    if (this.characters >= WRITE_BYTES) void this.pump();
    else this.timer ??= setTimeout(() => void this.pump(), WAIT_MILLISECONDS).unref();
    return true;
  }

  /** Resolves once the system has the lines; rejects with its error, and maybe some of their bytes are out. */
  append(lines: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.addText();
      this.add(lines);
      this.waiting.push({ until: this.given, resolve, reject });
      void this.pump();
    });
  }

  /** Writes out synchronously what still waits: before the process ends. */
  flushSync(): void {
    this.addText();
    const rest = Buffer.concat(this.queue.splice(0));
    this.queued = 0;
    const deadline = performance.now() + FLUSH_MILLISECONDS;
    for (let done = 0; done < rest.length; ) {
      try {
        done += writeSync(this.fd, rest, done);
      } catch (error) {
        if (!isFull(error) || performance.now() > deadline) throw error;
        Atomics.wait(SLEEP, 0, 0, FULL_MILLISECONDS);
      }
    }
    this.written += rest.length;
  }

  private addText(): void {
    if (this.text.length === 0) return;
    this.add(Buffer.from(this.text.join("")));
    this.text = [];
    this.characters = 0;
  }

  private add(bytes: Buffer): void {
    this.queue.push(bytes);
    this.queued += bytes.length;
    this.given += bytes.length;
  }

  private async pump(): Promise<void> {
    if (this.writing) return;
    this.writing = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    for (this.addText(); this.queue.length > 0; this.addText()) {
      const bytes = Buffer.concat(this.queue.splice(0));
      this.queued = 0;
      try {
        await this.out(bytes);
      } catch (error) {
        this.fail(error);
      }
    }
    this.writing = false;
  }

  private async out(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      try {
        const { bytesWritten } = await writeTo(this.fd, bytes, done, bytes.length - done, null);
        done += bytesWritten;
      } catch (error) {
        if (!isFull(error)) {
          this.written += bytes.length;
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, FULL_MILLISECONDS));
      }
    }
    this.written += bytes.length;
    const out = this.waiting.findIndex((waiter) => waiter.until > this.written);
    for (const waiter of this.waiting.splice(0, out < 0 ? this.waiting.length : out)) waiter.resolve();
  }

  /** What was in the failed write is lost, and whoever waits for it is told. */
  private fail(error: unknown): void {
    const out = this.waiting.findIndex((waiter) => waiter.until > this.written);
    for (const waiter of this.waiting.splice(0, out < 0 ? this.waiting.length : out)) waiter.reject(error);
  }
}
